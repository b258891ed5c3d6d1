// What is around a library's product of matrices: with any product that is right, the costs are those of the library's own.
#include "cuda/device_memory.hpp"
#include "support/matrix.hpp"

#include <immiscible/detail/library_product.cuh>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace library_product_tests {

using immiscible::cost_function;
using immiscible::device_batch;
using immiscible::device_matrix;
using tests::device_array;

namespace {

/// out = x e^T on the host, when the copies stand in device memory.
void multiply_on_host(const float* x_memory, const float* e_memory, float* out, std::size_t n, std::size_t m,
                      std::size_t d) {
  std::vector<float> x(n * d), e(m * d), products(n * m);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  REQUIRE(cudaMemcpy(x.data(), x_memory, n * d * sizeof(float), cudaMemcpyDeviceToHost) == cudaSuccess);
  REQUIRE(cudaMemcpy(e.data(), e_memory, m * d * sizeof(float), cudaMemcpyDeviceToHost) == cudaSuccess);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < d; ++k) sum += double{x[i * d + k]} * double{e[j * d + k]};
      products[i * m + j] = static_cast<float>(sum);
    }
  }
  REQUIRE(cudaMemcpy(out, products.data(), n * m * sizeof(float), cudaMemcpyHostToDevice) == cudaSuccess);
}

}  // namespace

TEST_CASE("costs of a library's products, and their range, are those of our own product but for rounding") {
  namespace detail = immiscible::detail;
  for (const std::size_t n : {1u, 33u, 70u}) {
    for (const std::size_t more : {0u, 4u}) {
      for (const std::size_t d : {1u, 31u, 300u}) {
        const std::size_t m = n + more;
        const auto images = tests::bell_samples<float>(n, d, 1, 0.5), noise = tests::bell_samples<float>(m, d, 2);
        const device_array<float> x(images.values), e(noise.values), x_copy(n * d), e_copy(m * d), ours(n * m),
            theirs(n * m);
        const device_array<unsigned char> memory(detail::cost_workspace_bytes(n, m, d)),
            other(detail::cost_workspace_bytes(n, m, d));
        const detail::cost_workspace our_work = detail::cost_workspace_at(memory.data(), n, d),
                                     their_work = detail::cost_workspace_at(other.data(), n, d);
        const device_batch<float> x_view(x.data(), n, d), e_view(e.data(), m, d);
        for (const cost_function function :
             {cost_function::squared_l2, cost_function::l2, cost_function::inner_product, cost_function::cosine}) {
          for (const bool reduced : {false, true}) {
            CAPTURE(n, m, d, static_cast<int>(function), reduced);
            const detail::cost_form form =
                reduced ? detail::reduced_form_of(function, n == m) : detail::form_of(function);
            detail::enqueue_costs(x_view, e_view, form, device_matrix<float>(ours.data(), n, m), our_work, nullptr);
            detail::enqueue_costs_by_library(
                x_view, e_view, form, device_matrix<float>(theirs.data(), n, m), their_work, x_copy.data(),
                e_copy.data(), nullptr,
                [&](const float* a, const float* b, float* out) { multiply_on_host(a, b, out, n, m, d); });
            const std::vector<float> expected = ours.host(), here = theirs.host();
            const double slack = 1e-5 * (function == cost_function::cosine ? 1.0 : 2.0 * static_cast<double>(d) + 10.0);
            double worst = 0;
            for (std::size_t at = 0; at < here.size(); ++at) {
              // Roots of what is nearly nothing magnify its rounding.
              if (function == cost_function::l2 && expected[at] < 0.1f) continue;
              worst = std::max(worst, std::abs(double{here[at]} - double{expected[at]}));
            }
            CHECK(worst <= slack);
            std::uint32_t range[detail::range_words];
            REQUIRE(cudaMemcpy(range, their_work.range, sizeof(range), cudaMemcpyDeviceToHost) == cudaSuccess);
            CHECK(range[0] == ~detail::ordered_bits(*std::min_element(here.begin(), here.end())));
            CHECK(range[1] == detail::ordered_bits(*std::max_element(here.begin(), here.end())));
            CHECK(range[2] == 0);
          }
        }
      }
    }
  }
}

}  // namespace library_product_tests
