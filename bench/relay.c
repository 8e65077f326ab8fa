// A cable with a latency and a rate, where the kernel has no netem: `relay A B LATENCY RATE` makes the network devices A and B and
// carries frames from each to the other: LATENCY seconds later, RATE bytes a second. Linux, as root. It says "ready", and ends
// with its standard input.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FRAME = 65536, FRAMES = 4096, MOST = 16 << 20 };
typedef struct {
  int64_t due;
  int bytes;
  char* data;
} Frame;
// What is under way in one direction, as a ring.
typedef struct {
  int from, to;
  int64_t free_at;  // when the cable can take the next frame
  long waiting;
  unsigned head, tail;
  Frame frames[FRAMES];
} Way;
static Way ways[2];

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static int device(const char* name) {
  struct ifreq r = {0};
  const int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  r.ifr_flags = IFF_TAP | IFF_NO_PI;
  strncpy(r.ifr_name, name, IFNAMSIZ - 1);
  if (file < 0 || ioctl(file, TUNSETIFF, &r) < 0) {
    perror("/dev/net/tun");
    exit(1);
  }
  return file;
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const int a = device(argv[1]), b = device(argv[2]);
  const int64_t latency = (int64_t)(atof(argv[3]) * 1e9);
  const double nanoseconds_a_byte = 1e9 / atof(argv[4]);
  ways[0].from = ways[1].to = a;
  ways[0].to = ways[1].from = b;
  prctl(PR_SET_TIMERSLACK, 1);
  // A cable does not wait for a core.
  const struct sched_param first = {1};
  if (sched_setscheduler(0, SCHED_FIFO, &first) < 0) setpriority(PRIO_PROCESS, 0, -15);
  puts("ready");
  fflush(stdout);
  static char buffer[FRAME];
  for (;;) {
    int64_t next = INT64_MAX;
    int full[2];
    for (int i = 0; i < 2; i++) {
      Way* w = &ways[i];
      const int64_t t = now();
      while (w->tail != w->head && w->frames[w->tail % FRAMES].due <= t) {
        Frame* f = &w->frames[w->tail++ % FRAMES];
        if (write(w->to, f->data, f->bytes) < 0 && errno != EIO && errno != EAGAIN) perror("write");
        w->waiting -= f->bytes;
        free(f->data);
      }
      if (w->tail != w->head && w->frames[w->tail % FRAMES].due < next) next = w->frames[w->tail % FRAMES].due;
      full[i] = w->head - w->tail == FRAMES || w->waiting > MOST;
    }
    struct pollfd p[3] = {{full[0] ? -1 : ways[0].from, POLLIN, 0}, {full[1] ? -1 : ways[1].from, POLLIN, 0}, {0, POLLIN, 0}};
    int64_t left = next == INT64_MAX ? 1000000000 : next - now();
    if (left < 0) left = 0;
    const struct timespec pause = {left / 1000000000, left % 1000000000};
    if (ppoll(p, 3, &pause, NULL) < 0) continue;
    if (p[2].revents) return 0;
    for (int i = 0; i < 2; i++) {
      Way* w = &ways[i];
      if (!(p[i].revents & POLLIN)) continue;
      while (w->head - w->tail < FRAMES) {
        const int n = (int)read(w->from, buffer, FRAME);
        if (n <= 0) break;
        const int64_t t = now();
        if (w->free_at < t) w->free_at = t;
        w->free_at += (int64_t)(n * nanoseconds_a_byte);
        Frame* f = &w->frames[w->head++ % FRAMES];
        *f = (Frame){w->free_at + latency, n, malloc(n)};
        memcpy(f->data, buffer, n);
        w->waiting += n;
      }
    }
  }
}
