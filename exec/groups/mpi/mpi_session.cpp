#include "exec/groups/mpi/mpi_session.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "exec/groups/mpi_world.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::groups {
namespace {

constexpr int kCutShort = 6;                          // the exit status of a run that failed
constexpr std::chrono::milliseconds kLastWords(500);  // in which the other ranks say why it failed

}  // namespace

MpiSession& MpiSession::get() {
  static MpiSession session;
  return session;
}

MpiSession::MpiSession() {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  if (provided < MPI_THREAD_SERIALIZED)
    throw input::InputError("MPI: expected a library that threads may call in turn (MPI_THREAD_SERIALIZED)");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
}

MpiSession::~MpiSession() {
  if (failed) {
    std::this_thread::sleep_for(kLastWords);
    MPI_Abort(MPI_COMM_WORLD, kCutShort);
  }
  MPI_Finalize();
}

bool mpi_is_built() { return true; }
int mpi_rank() { return MpiSession::get().rank; }
int mpi_size() { return MpiSession::get().size; }

std::vector<std::string> mpi_gather(const std::string& mine) {
  const int size = mpi_size(), own = static_cast<int>(mine.size());
  std::vector<int> sizes(static_cast<std::size_t>(size)), offsets(static_cast<std::size_t>(size));
  MPI_Allgather(&own, 1, MPI_INT, sizes.data(), 1, MPI_INT, MPI_COMM_WORLD);
  int total = 0;
  for (std::size_t r = 0; r < sizes.size(); ++r) {
    offsets[r] = total;
    total += sizes[r];
  }
  std::string all(static_cast<std::size_t>(total), ' ');
  MPI_Allgatherv(mine.data(), own, MPI_CHAR, all.data(), sizes.data(), offsets.data(), MPI_CHAR, MPI_COMM_WORLD);
  std::vector<std::string> out;
  for (std::size_t r = 0; r < sizes.size(); ++r)
    out.push_back(all.substr(static_cast<std::size_t>(offsets[r]), static_cast<std::size_t>(sizes[r])));
  return out;
}

}  // namespace ppplan::exec::groups
