// The device's solvers as functions of host matrices, their answers in the form that support/laws.hpp judges.
#pragma once

#include "cuda/device_memory.hpp"
#include "support/matrix.hpp"

#include <immiscible/assignment.hpp>
#include <immiscible/device_assignment.cuh>
#include <immiscible/device_batch.cuh>
#include <immiscible/jonker_volgenant.cuh>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tests {

/// A stream of its own for a test: what forgets to wait for it reads stale memory.
class stream {
 public:
  stream() { immiscible::detail::check_cuda(cudaStreamCreate(&stream_), "cudaStreamCreate"); }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() { cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }
  void wait() const { immiscible::detail::check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// What came back from the device.
struct device_answer {
  immiscible::basic_assignment<std::int64_t> assignment;  // status: optimal or feasible
  immiscible::device_summary summary;
};

/// Device memory for the answers to problems of n rows and m columns.
struct answer_memory {
  answer_memory(std::size_t n, std::size_t m, std::size_t problems = 1)
      : noise_of_image(problems * n), image_price(problems * n), noise_price(problems * m), summary(problems) {}

  immiscible::device_assignment view() const {
    return {noise_of_image.data(), image_price.data(), noise_price.data(), summary.data()};
  }
  device_answer host() const { return answers(1)[0]; }
  std::vector<device_answer> answers(std::size_t problems) const {
    const auto pairs = noise_of_image.host(), u = image_price.host(), v = noise_price.host();
    const auto summaries = summary.host();
    std::vector<device_answer> out(problems);
    for (std::size_t p = 0; p < problems; ++p) {
      auto& own = out[p];
      own.summary = summaries[p];
      own.assignment.noise_of_image = part(pairs, p, problems);
      for (const std::int32_t price : part(u, p, problems)) own.assignment.image_price.push_back(price);
      for (const std::int32_t price : part(v, p, problems)) own.assignment.noise_price.push_back(price);
      own.assignment.total_cost = own.summary.total_cost;
      own.assignment.lower_bound = own.summary.lower_bound;
      own.assignment.status = own.summary.status == immiscible::device_status::optimal ? immiscible::status::optimal
                                                                                       : immiscible::status::feasible;
    }
    return out;
  }

  device_array<std::int32_t> noise_of_image, image_price, noise_price;
  device_array<immiscible::device_summary> summary;

 private:
  static std::vector<std::int32_t> part(const std::vector<std::int32_t>& all, std::size_t p, std::size_t problems) {
    const auto size = static_cast<std::ptrdiff_t>(all.size() / problems), first = static_cast<std::ptrdiff_t>(p) * size;
    return {all.begin() + first, all.begin() + first + size};
  }
};

/// One of the overloads on device memory, by its name alone: device_solver(immiscible::greedy).
using device_solver = void (*)(const immiscible::device_batch<std::int16_t>&, const immiscible::device_assignment&,
                               void*, cudaStream_t);

/// Runs solver(cost, out, workspace, stream) on costs that lie `between` elements apart.
template <class Solver>
device_answer solve_on_device(const matrix<std::int16_t>& cost, Solver solver, std::size_t between = 0) {
  const std::size_t n = cost.rows, m = cost.columns;
  const padded<std::int16_t> apart(cost, 0, between, std::int16_t{-32768});  // whoever reads it finds it cheap
  const device_array<std::int16_t> memory(apart.memory);
  const answer_memory answer(n, m);
  const device_array<unsigned char> workspace(immiscible::jonker_volgenant_workspace_bytes(n, m));
  const stream own;
  solver(immiscible::device_batch<std::int16_t>(memory.data(), n, m, m + between), answer.view(), workspace.data(),
         own);
  own.wait();
  return answer.host();
}

}  // namespace tests
