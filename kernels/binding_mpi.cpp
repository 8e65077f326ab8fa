// The Node-API binding of mpi.h: an object `mpi` of the addon. There is one world in a process, whichever thread asks.
// Linux and macOS only.
#if !defined(_WIN32)
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mpi_shared.h"

namespace nabla::mpi {
namespace {

napi_value fail_with(napi_env env, const char* message) {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}
napi_value text_of(napi_env env, const char* s) {
  napi_value v;
  napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &v);
  return v;
}
napi_value number_of(napi_env env, double x) {
  napi_value v;
  napi_create_double(env, x, &v);
  return v;
}
napi_value list_of(napi_env env, const napi_value* values, uint32_t n) {
  napi_value list;
  napi_create_array(env, &list);
  for (uint32_t i = 0; i < n; i++) napi_set_element(env, list, i, values[i]);
  return list;
}

constexpr size_t MOST_ARGUMENTS = 11;
struct Arguments {
  napi_env env;
  napi_value values[MOST_ARGUMENTS];
  bool fine;
  Arguments(napi_env e, napi_callback_info info, size_t count) : env(e), fine(true) {
    size_t n = MOST_ARGUMENTS;
    fine = napi_get_cb_info(env, info, &n, values, nullptr, nullptr) == napi_ok && n >= count;
  }
  double number(size_t i) {
    double x = 0;
    fine = fine && napi_get_value_double(env, values[i], &x) == napi_ok;
    return x;
  }
  void text(size_t i, char* to, size_t bytes) {
    size_t n;
    fine = fine && napi_get_value_string_utf8(env, values[i], to, bytes, &n) == napi_ok;
  }
  void* memory(size_t i) {
    napi_typedarray_type type;
    size_t length;
    void* data = nullptr;
    fine = fine && napi_get_typedarray_info(env, values[i], &type, &length, &data, nullptr, nullptr) == napi_ok;
    return data;
  }
};

// open(library): [is it Open MPI, its version], or a string that says why not.
napi_value open_library(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  char path[1024];
  a.text(0, path, sizeof path);
  if (!a.fine) return fail_with(env, "open(library) takes a string");
  Found found = {};
  if (const char* why = open(path, &found)) return text_of(env, why);
  const napi_value values[] = {number_of(env, found.open_mpi), text_of(env, found.version)};
  return list_of(env, values, 2);
}

// start(timeout, silence, startLimit, share), in seconds: [rank, size, level of threads, why not all share memory], or a string that
// says why not.
napi_value start_mpi(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 4);
  const double timeout = a.number(0), silence = a.number(1), limit = a.number(2), share = a.number(3);
  if (!a.fine) return fail_with(env, "start takes four numbers");
  World world = {};
  if (const char* why = start(&world, timeout, silence, limit, share != 0)) return text_of(env, why);
  const napi_value values[] = {number_of(env, world.rank), number_of(env, world.size), number_of(env, world.level),
                               text_of(env, unshared())};
  return list_of(env, values, 4);
}

// post(kind, group, type, op, peer, tag, alone, count, in, out, about): the number of the request. The arrays must stay until it
// is done.
napi_value post_order(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 11);
  Order order = {};
  order.kind = (Kind)(int)a.number(0), order.group = (int32_t)a.number(1), order.type = (Type)(int)a.number(2);
  order.op = (Op)(int)a.number(3), order.peer = (int32_t)a.number(4), order.tag = (int32_t)a.number(5);
  order.alone = a.number(6) != 0, order.count = (int64_t)a.number(7), order.in = a.memory(8), order.out = a.memory(9);
  a.text(10, order.about, sizeof order.about);
  if (!a.fine) return fail_with(env, "post takes eight numbers, two arrays and a text");
  const int32_t id = post(order);
  return id ? number_of(env, id) : fail_with(env, "memory is out");
}

// room(group, bytes): an ArrayBuffer in memory that the group's ranks share, or undefined.
napi_value room_of(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 2);
  const int32_t group = (int32_t)a.number(0);
  const int64_t bytes = (int64_t)a.number(1);
  if (!a.fine) return fail_with(env, "room takes two numbers");
  shared::Room* const r = room(group, bytes);
  if (!r) return nullptr;
  napi_value v;
  const auto end = [](napi_env, void*, void* r) { shared::give((shared::Room*)r); };
  if (napi_create_external_arraybuffer(env, r->at, (size_t)bytes, end, r, &v) == napi_ok) return v;
  // Some runtimes have no memory but their own.
  shared::give(r);
  return nullptr;
}

napi_value is_done(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  napi_value v;
  napi_get_boolean(env, done((int32_t)a.number(0)), &v);
  return v;
}

napi_value result_of(napi_env env, char* error, int32_t result) {
  if (!error) return number_of(env, result);
  const napi_value v = text_of(env, error);
  free(error);
  return v;
}

// wait(request): its result, a number, or a string that says what went wrong.
napi_value wait_for(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  const int32_t id = (int32_t)a.number(0);
  if (!a.fine) return fail_with(env, "wait takes the number of a request");
  int32_t result = -1;
  char* const error = wait(id, &result);
  return result_of(env, error, result);
}

struct Later {
  int32_t id, result;
  char* error;
  napi_async_work work;
  napi_deferred deferred;
};
// later(request): a promise of what wait gives.
napi_value wait_later(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  const int32_t id = (int32_t)a.number(0);
  Later* const l = (Later*)calloc(1, sizeof(Later));
  if (!a.fine || !l) return fail_with(env, "later takes the number of a request");
  l->id = id;
  napi_value promise;
  napi_create_promise(env, &l->deferred, &promise);
  napi_create_async_work(
      env, nullptr, text_of(env, "nabla.distributed"), [](napi_env, void* data) {
        Later* const l = (Later*)data;
        l->error = wait(l->id, &l->result);
      },
      [](napi_env env, napi_status, void* data) {
        Later* const l = (Later*)data;
        napi_resolve_deferred(env, l->deferred, result_of(env, l->error, l->result));
        napi_delete_async_work(env, l->work);
        free(l);
      },
      l, &l->work);
  napi_queue_async_work(env, l->work);
  return promise;
}
// quit(code): at once, since a thread hangs in the library.
napi_value quit(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  _exit((int)a.number(0));
}

// mark(step)
napi_value mark_step(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  mark((int64_t)a.number(0));
  return nullptr;
}
// keep(path): is the step kept in this file?
napi_value keep_marks(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  char path[1024];
  a.text(0, path, sizeof path);
  napi_value v;
  napi_get_boolean(env, a.fine && keep_step(path), &v);
  return v;
}
// notes(folder): a file that is read, or -1.
napi_value notes_in(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  char folder[1024];
  a.text(0, folder, sizeof folder);
  return number_of(env, a.fine ? notes_of(folder) : -1);
}
// failure(): why it cannot go on.
napi_value failure_text(napi_env env, napi_callback_info) {
  char text[TEXT];
  failure_of(text);
  return text_of(env, text);
}
// fail(why)
napi_value fail_all(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  char why[TEXT];
  a.text(0, why, sizeof why);
  if (a.fine) fail(why);
  return nullptr;
}
// signals(died): the file in which the first rank of this host that dies is named.
napi_value set_signals(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  char file[256];
  a.text(0, file, sizeof file);
  if (a.fine) tell_signals(file);
  return nullptr;
}
// finish(failed): how it ended, a number of End.
napi_value finish_mpi(napi_env env, napi_callback_info info) {
  Arguments a(env, info, 1);
  napi_value v;
  napi_create_int32(env, finish(a.number(0) != 0), &v);
  return v;
}

}  // namespace

void add_functions(napi_env env, napi_value exports) {
  napi_value mpi;
  napi_create_object(env, &mpi);
  const struct {
    const char* name;
    napi_callback callback;
  } functions[] = {{"open", open_library}, {"start", start_mpi}, {"post", post_order}, {"done", is_done},      {"wait", wait_for},   {"room", room_of},
                   {"later", wait_later},  {"quit", quit},
                   {"signals", set_signals}, {"mark", mark_step},    {"keep", keep_marks}, {"notes", notes_in}, {"failure", failure_text},
                   {"fail", fail_all},     {"finish", finish_mpi}};
  for (const auto& f : functions) {
    napi_value v;
    napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.callback, nullptr, &v);
    napi_set_named_property(env, mpi, f.name, v);
  }
  napi_set_named_property(env, exports, "mpi", mpi);
}

}  // namespace nabla::mpi
#endif
