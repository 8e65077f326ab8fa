// A library with the names of MPI that was built without threads: MPICH's ABI, which is Intel MPI's too, or with -DOPEN_MPI Open MPI's.
#include <string.h>
#define F(name) int MPI_##name() { return 0; }
F(Finalize) F(Error_string) F(Comm_size) F(Comm_rank) F(Comm_dup) F(Comm_split) F(Comm_set_errhandler) F(Op_create) F(Test)
F(Iprobe) F(Recv) F(Isend) F(Irecv) F(Allreduce) F(Iallreduce) F(Bcast) F(Ibcast) F(Allgather) F(Iallgather)
F(Reduce_scatter_block) F(Ireduce_scatter_block) F(Gather) F(Igather) F(Scatter) F(Iscatter) F(Alltoall) F(Ialltoall)
int MPI_Init_thread(int* argc, char*** argv, int wanted, int* level) { return *level = 0; }
int MPI_Get_library_version(char* text, int* length) {
  strcpy(text, VERSION);
  *length = strlen(text);
  return 0;
}
#ifdef OPEN_MPI
char ompi_mpi_comm_world, ompi_request_null, ompi_mpi_errors_return, ompi_mpi_byte, ompi_mpi_float, ompi_mpi_double, ompi_mpi_uint16_t,
    ompi_mpi_int8_t, ompi_mpi_uint8_t, ompi_mpi_int32_t, ompi_mpi_int64_t, ompi_mpi_op_sum, ompi_mpi_op_max, ompi_mpi_op_min;
#if OPEN_MPI > 1
char ompi_mpi_op_prod;
#endif
#endif
