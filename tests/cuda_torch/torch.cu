// The verb on CUDA tensors gives what the CPU's gives. Compiled wherever nvcc and LibTorch's CUDA headers are; on a machine
// without a GPU the program says so and passes.
#include <immiscible/torch.cuh>
#include <immiscible/torch.hpp>  // both may be included

#include <catch2/catch.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <c10/cuda/CUDAFunctions.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace on = immiscible::cuda;
using Catch::Matchers::Contains;
using immiscible::device_assign_options;
using immiscible::device_status;
using immiscible::method;

namespace {

bool has_gpu() {
  if (at::hasCUDA() && c10::cuda::device_count() > 0) return true;
  WARN("no GPU: not tested");
  return false;
}

/// Small integers, exact in every dtype: rounded noise of that seed.
at::Tensor integers(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed)).mul_(2).round_().clamp_(-6, 6);
}

device_assign_options options_of(method how) {
  device_assign_options options;
  options.method = how;
  return options;
}

double squared_distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).square().sum().item<double>(); }

template <class Call>
std::string refusal_of(Call call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was refused";
}

}  // namespace

TEST_CASE("tensors on the CPU are refused, and the message names the header for them") {
  at::Tensor rows = integers({4, 3}, 1);
  CHECK_THAT(refusal_of([&] { on::assign(rows, rows); }),
             Contains("cuda::assign: needs images on a GPU (else: torch.hpp"));
  CHECK_THAT(refusal_of([&] { on::device_batch_of(rows); }), Contains("cuda::device_batch_of") && Contains("on cpu"));
  CHECK_THAT(refusal_of([&] { on::device_matrix_of(rows); }), Contains("cuda::device_matrix_of"));
  CHECK_THAT(refusal_of([&] { on::permute_rows_(rows, rows); }),
             Contains("cuda::permute_rows_: needs a tensor [m, ...]"));
}

TEST_CASE("the exact pairs cost what the CPU's cost, and the summary says so") {
  if (!has_gpu()) return;
  for (const std::int64_t n : {1, 31, 32, 33, 129, 256}) {
    const at::Tensor images = integers({n, 2, 3, 5}, 2), noise = integers({n, 2, 3, 5}, 3);
    const auto on_cpu = immiscible::assign(images, noise);
    const auto paired = on::assign(images.cuda(), noise.cuda());
    const auto summary = paired.synchronized_summary();
    const at::Tensor moved = on::permute_rows(noise.cuda(), paired.noise_of_image);
    INFO("n = " << n);
    CHECK(summary.status == device_status::optimal);
    CHECK(summary.total_cost == Approx(squared_distance(images, moved.cpu())));
    CHECK(std::abs(summary.total_cost - on_cpu.total_cost) <= static_cast<double>(n) * summary.unit);
    CHECK(at::equal(on::index_tensor(paired.noise_of_image), paired.noise_of_image.to(at::kLong)));
  }
}

TEST_CASE("permute_rows, permute_rows_ and matched give the same noise, in any dtype and layout") {
  if (!has_gpu()) return;
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    const at::Tensor images = integers({40, 3, 4}, 4).cuda();
    const at::Tensor noise = integers({40, 4, 3}, 5).cuda().to(type).transpose(1, 2);
    const auto paired = on::assign(images, noise);
    const at::Tensor moved = on::permute_rows(noise, paired.noise_of_image);
    CHECK(moved.scalar_type() == type);
    CHECK(at::equal(moved, noise.index_select(0, paired.noise_of_image.to(at::kLong))));
    CHECK(at::equal(moved, on::matched(images, noise)));
    for (at::Tensor rows : {noise.contiguous(), noise.clone()}) {
      const std::int64_t version = static_cast<std::int64_t>(rows._version());
      CHECK(on::permute_rows_(rows, paired.noise_of_image).is_same(rows));
      CHECK(at::equal(rows, moved));
      CHECK(rows._version() > version);
    }
  }
}

TEST_CASE("rows that lie apart are read and moved where they are") {
  if (!has_gpu()) return;
  at::Tensor wide = integers({20, 10}, 6).cuda();
  at::Tensor noise = wide.narrow(1, 2, 6);
  const at::Tensor images = integers({20, 6}, 7).cuda(), before = wide.clone();
  CHECK(on::device_batch_of(noise).stride() == 10);
  CHECK(on::device_batch_of(noise).data() == noise.const_data_ptr<float>());
  const at::Tensor expected = on::matched(images, noise);
  on::permute_rows_(noise, on::assign(images, noise).noise_of_image);
  CHECK(at::equal(noise, expected));
  CHECK(at::equal(wide.narrow(1, 0, 2), before.narrow(1, 0, 2)));
  CHECK(at::equal(wide.narrow(1, 8, 2), before.narrow(1, 8, 2)));
}

TEST_CASE("a stream that is not the current one gives the same noise, and the current one stays") {
  if (!has_gpu()) return;
  const auto stream = c10::cuda::getStreamFromPool();
  const auto current = c10::cuda::getCurrentCUDAStream();
  for (std::uint64_t step = 0; step < 20; ++step) {
    const at::Tensor images = integers({64, 50}, step).cuda(), noise = integers({64, 50}, 100 + step).cuda();
    const at::Tensor expected = on::matched(images, noise);
    current.synchronize();
    const at::Tensor noise_there = on::matched(images, noise, {}, stream);
    stream.synchronize();
    CHECK(at::equal(expected, noise_there));
    CHECK(c10::cuda::getCurrentCUDAStream() == current);
  }
}

TEST_CASE("groups exchange noise only among themselves; a bad label moves nothing") {
  if (!has_gpu()) return;
  const at::Tensor images = integers({60, 8}, 8), noise = integers({60, 8}, 9);
  const at::Tensor labels = at::arange(60, at::kLong).remainder(4);
  const auto on_cpu = immiscible::assign_in_groups(images, noise, labels);
  for (const at::ScalarType type : {at::kInt, at::kLong}) {
    const auto paired = on::assign_in_groups(images.cuda(), noise.cuda(), labels.cuda().to(type), 4);
    const auto summary = paired.synchronized_summary();
    CHECK(std::abs(summary.total_cost - on_cpu.total_cost) <= 60.0 * summary.unit);
    CHECK(at::equal(labels.index_select(0, paired.noise_of_image.cpu()), labels));
  }
  const at::Tensor wrapped = labels.clone();
  wrapped[3] = std::int64_t{1} << 32;  // 0 if its upper half were lost
  const auto kept = on::assign_in_groups(images.cuda(), noise.cuda(), wrapped.cuda(), 4);
  CHECK(kept.synchronized_summary().status == device_status::bad_label);
  CHECK(at::equal(kept.noise_of_image.cpu(), at::arange(60, at::kInt)));
}

TEST_CASE("every method of the device gives a permutation; more noises than images are chosen from") {
  if (!has_gpu()) return;
  const at::Tensor images = integers({30, 8}, 10).cuda(), noise = integers({30, 8}, 11).cuda();
  for (const method how : {method::exact, method::auction, method::greedy, method::greedy_by_row, method::none}) {
    const auto paired = on::assign(images, noise, options_of(how));
    CHECK(at::equal(std::get<0>(paired.noise_of_image.cpu().sort()), at::arange(30, at::kInt)));
  }
  CHECK(on::matched(images.narrow(0, 0, 10), noise).size(0) == 10);
}

TEST_CASE("no images: empty answers; samples that are not finite: a status") {
  if (!has_gpu()) return;
  at::Tensor none = at::empty({0, 3, 2}, at::kFloat).cuda();
  const auto nothing = on::assign(none, none);
  CHECK(nothing.noise_of_image.numel() == 0);
  CHECK(nothing.synchronized_summary().total_cost == 0);
  CHECK(on::matched(none, none).sizes() == none.sizes());
  CHECK(on::permute_rows_(none, nothing.noise_of_image).sizes() == none.sizes());
  at::Tensor spoilt = integers({8, 5}, 12).cuda();
  spoilt[2][1] = std::numeric_limits<float>::quiet_NaN();
  const auto kept = on::assign(spoilt, integers({8, 5}, 13).cuda());
  CHECK(kept.synchronized_summary().status == device_status::not_finite);
  CHECK(at::equal(kept.noise_of_image.cpu(), at::arange(8, at::kInt)));
}

TEST_CASE("what cannot be paired is refused, with what is needed and what came") {
  if (!has_gpu()) return;
  at::Tensor rows = integers({6, 2, 3}, 14).cuda();
  const auto refused = [&](const at::Tensor& x, const at::Tensor& e) { return refusal_of([&] { on::assign(x, e); }); };
  CHECK_THAT(refused(rows.to(at::kLong), rows), Contains("needs images of float32"));
  CHECK_THAT(refused(rows, rows.cpu()), Contains("needs noise on a GPU"));
  CHECK_THAT(refused(rows, rows.transpose(1, 2)), Contains("same sizes"));
  CHECK_THAT(refused(rows, rows.narrow(0, 0, 5)), Contains("cuda::assign: needs"));
  CHECK_THAT(refused(at::zeros({1, 1}, rows.options()), at::zeros({4097, 1}, rows.options())), Contains("4096"));
  CHECK_THAT(refusal_of([&] { on::device_batch_of(rows.to(at::kHalf)); }), Contains("float32") && Contains("Half"));
  CHECK_THAT(refusal_of([&] { on::device_batch_of(rows.transpose(1, 2)); }), Contains("values of each row together"));
  CHECK_THAT(refusal_of([&] { on::device_batch_of(rows.narrow(0, 0, 1).expand({6, 2, 3})); }), Contains("needs"));
  CHECK_THAT(refusal_of([&] { (void)on::permute_rows(rows, at::arange(6, rows.options().dtype(at::kLong))); }),
             Contains("int32"));
  CHECK_THAT(refusal_of([&] { on::permute_rows_(rows, at::arange(5, rows.options().dtype(at::kInt))); }),
             Contains("permutation of 6 rows, got 5"));
  CHECK_THAT(refusal_of([&] { on::assign_in_groups(rows, rows, rows, 2); }), Contains("needs labels [6]"));
}
