// The verb on tensors: every shape, stride and dtype that a trainer may hold gives what the library gives on plain rows.
#include <immiscible/torch.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace torch_tests {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using immiscible::assign;
using immiscible::assign_options;
using immiscible::method;

namespace {

/// Small integers, exact in every dtype: noise (seed, 0, row) rounded to -6 ... 6.
at::Tensor integers(std::vector<std::int64_t> shape, std::uint64_t seed) {
  at::Tensor values = at::empty(shape, at::kFloat);
  const auto rows = static_cast<std::size_t>(shape[0]);
  immiscible::normal_rows(seed, 0, 0,
                          immiscible::matrix_view<float>(values.mutable_data_ptr<float>(), rows,
                                                         static_cast<std::size_t>(values.numel()) / rows));
  return values.mul_(2).round_().clamp_(-6, 6);
}

immiscible::batch<float> rows_of(const at::Tensor& tensor) {
  const auto n = static_cast<std::size_t>(tensor.size(0));
  return {tensor.const_data_ptr<float>(), n, static_cast<std::size_t>(tensor.numel()) / n};
}

assign_options options_of(method how, std::size_t candidates = 1) {
  assign_options options;
  options.method = how;
  options.candidates = candidates;
  return options;
}

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

TEST_CASE("tensors of any shape get what their rows get, by every method") {
  for (const method how : {method::exact, method::auction, method::greedy, method::greedy_by_row, method::none}) {
    const at::Tensor images = integers({16, 2, 3, 4}, 1), noise = integers({16, 2, 3, 4}, 2);
    const auto of_tensors = assign(images, noise, options_of(how));
    const auto of_rows = assign(rows_of(images), rows_of(noise), options_of(how));
    INFO("method " << static_cast<int>(how));
    CHECK(of_tensors.noise_of_image == of_rows.noise_of_image);
    CHECK(of_tensors.total_cost == of_rows.total_cost);
    CHECK(of_tensors.status == of_rows.status);
  }
}

TEST_CASE("the exact pairs cost least: the total equals the distances measured with torch, and beats other orders") {
  const at::Tensor images = integers({64, 5, 5}, 3), noise = integers({64, 5, 5}, 4);
  const auto paired = assign(images, noise);
  const at::Tensor matched = immiscible::permute_rows(noise, paired.noise_of_image);
  const double total = (images - matched).square().sum().item<double>();
  CHECK(paired.total_cost == Approx(total));
  CHECK(total < (images - noise).square().sum().item<double>());
  for (std::int64_t shift = 1; shift < 64; ++shift) {
    CHECK(total <= (images - matched.roll(shift, 0)).square().sum().item<double>());
  }
}

TEST_CASE("every dtype gives the same pairs where it holds the values exactly, mixed ones too") {
  const at::Tensor images = integers({24, 3, 4}, 5), noise = integers({24, 3, 4}, 6);
  const auto expected = assign(images, noise);
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    INFO("dtype " << type);
    const auto same = assign(images.to(type), noise.to(type));
    CHECK(same.total_cost == expected.total_cost);
    const auto mixed = assign(images.to(type), noise);
    CHECK(mixed.noise_of_image == expected.noise_of_image);
  }
}

TEST_CASE("float64 tensors are paired in float64") {
  // float32 does not hold 2^25 + 1: there all costs are equal and image 0 keeps noise 0.
  const at::Tensor images = at::tensor({33554432.0, 33554433.0}, at::kDouble).view({2, 1});
  const at::Tensor noise = at::tensor({33554433.0, 33554432.0}, at::kDouble).view({2, 1});
  CHECK(assign(images.to(at::kFloat), noise, options_of(method::greedy)).noise_of_image ==
        std::vector<std::int32_t>{0, 1});
  CHECK(assign(images, noise, options_of(method::greedy)).noise_of_image == std::vector<std::int32_t>{1, 0});
}

TEST_CASE("strides do not matter: transposed, sliced, expanded and flipped tensors") {
  const at::Tensor images = integers({12, 3, 4}, 7), noise = integers({12, 3, 4}, 8);
  const auto same_as_contiguous = [](const at::Tensor& a, const at::Tensor& b) {
    return assign(a, b).noise_of_image == assign(a.contiguous(), b.contiguous()).noise_of_image;
  };
  CHECK_FALSE(images.transpose(1, 2).is_contiguous());
  CHECK(same_as_contiguous(images.transpose(1, 2), noise.transpose(1, 2)));
  CHECK(same_as_contiguous(images.slice(0, 0, 12, 2), noise.slice(0, 1, 12, 2)));
  CHECK(same_as_contiguous(images.slice(2, 1, 3), noise.slice(2, 1, 3)));
  CHECK(same_as_contiguous(images.narrow(0, 0, 1).expand({12, 3, 4}), noise));
  CHECK(same_as_contiguous(images.contiguous(at::MemoryFormat::Contiguous).flip(0), noise.flip(0)));
  const at::Tensor pictures = integers({6, 3, 4, 4}, 9);
  CHECK(same_as_contiguous(pictures.contiguous(at::MemoryFormat::ChannelsLast), integers({6, 3, 4, 4}, 10)));
}

TEST_CASE("a tensor that is negated where it is read is read so") {
  const at::Tensor images = integers({6, 3}, 12), noise = integers({6, 3}, 13);
  const at::Tensor lazy = at::_neg_view(noise), eager = -noise;
  REQUIRE(lazy.is_neg());
  CHECK(assign(images, lazy).total_cost == assign(images, eager).total_cost);
  CHECK(assign(images.to(at::kDouble), at::_neg_view(noise.to(at::kDouble))).total_cost ==
        assign(images, eager).total_cost);
  immiscible::torch_noise_matcher match({5, {}});
  const double expected = match(eager, 0).pairs.total_cost;
  CHECK(match(lazy, 0).pairs.total_cost == expected);
  CHECK_THAT(refusal_of([&] { immiscible::float_rows(lazy); }), Contains("contiguous"));
}

TEST_CASE("assign and permute_rows leave what they are given as it was") {
  const at::Tensor images = integers({16, 6}, 11).requires_grad_(), noise = integers({16, 6}, 12);
  const at::Tensor images_before = images.detach().clone(), noise_before = noise.clone();
  const auto paired = assign(images, noise);
  const at::Tensor matched = immiscible::permute_rows(noise, paired.noise_of_image);
  CHECK(at::equal(images.detach(), images_before));
  CHECK(at::equal(noise, noise_before));
  CHECK_FALSE(matched.requires_grad());
}

TEST_CASE("permute_rows gives every image its noise, in any dtype, in place or not") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    at::Tensor noise = integers({9, 2, 3}, 13).to(type).transpose(1, 2);
    const std::vector<std::int32_t> order = {4, 0, 8, 2, 1, 7, 3, 6, 5};
    const at::Tensor moved = immiscible::permute_rows(noise, order);
    REQUIRE(moved.sizes() == noise.sizes());
    REQUIRE(moved.scalar_type() == type);
    for (std::int64_t i = 0; i < 9; ++i) CHECK(at::equal(moved[i], noise[order[static_cast<std::size_t>(i)]]));
    CHECK(at::equal(immiscible::index_tensor(order), at::tensor({4, 0, 8, 2, 1, 7, 3, 6, 5}, at::kLong)));
    const at::Tensor& same = immiscible::permute_rows_(noise, order);
    CHECK(same.is_same(noise));
    CHECK(at::equal(noise, moved));
  }
}

TEST_CASE("matched is assign and permute_rows in one, whatever the method, and leaves what it is given") {
  const at::Tensor images = integers({12, 3, 4}, 1), noise = integers({24, 3, 4}, 2);
  const at::Tensor before = noise.clone();
  for (const assign_options& options :
       {options_of(method::exact), options_of(method::auction), options_of(method::nearest, 2)}) {
    const at::Tensor expected = immiscible::permute_rows(noise, assign(images, noise, options).noise_of_image);
    CHECK(at::equal(immiscible::matched(images, noise, options), expected));
  }
  CHECK(at::equal(immiscible::matched(images, noise.to(at::kBFloat16)),
                  immiscible::matched(images, noise).to(at::kBFloat16)));
  CHECK(at::equal(noise, before));
  CHECK_THROWS_AS(immiscible::matched(images, noise.slice(0, 0, 5)), std::invalid_argument);
}

TEST_CASE("more noises than images, and candidates: permute_rows picks the chosen ones") {
  const at::Tensor images = integers({5, 8}, 14), noise = integers({20, 8}, 15);
  const auto nearest = assign(images, noise, options_of(method::nearest, 4));
  const at::Tensor chosen = immiscible::permute_rows(noise, nearest.noise_of_image);
  REQUIRE(chosen.size(0) == 5);
  const at::Tensor distances = (images.unsqueeze(1) - noise.view({5, 4, 8})).square().sum(2);
  CHECK(at::equal((images - chosen).square().sum(1), std::get<0>(distances.min(1))));
  const auto exact = assign(images, noise);
  CHECK(exact.noise_of_image.size() == 5);
  CHECK(exact.total_cost <= nearest.total_cost);
}

TEST_CASE("the matcher returns the library's noise in the images' shape and dtype") {
  const at::Tensor images = integers({32, 1, 4, 4}, 16);
  for (const method how : {method::exact, method::none, method::nearest}) {
    immiscible::noise_matcher plain({7, options_of(how, 3)});
    const auto expected = plain(rows_of(images), 5);
    immiscible::torch_noise_matcher match({7, options_of(how, 3)});
    const auto matched = match(images, 5);
    CHECK(matched.pairs.noise_of_image == expected.pairs.noise_of_image);
    REQUIRE(matched.noise.sizes() == images.sizes());
    CHECK(std::equal(expected.noise.data(), expected.noise.data() + 32 * 16, matched.noise.const_data_ptr<float>()));
    for (const at::ScalarType type : {at::kDouble, at::kBFloat16, at::kHalf}) {
      const auto converted = match(images.to(type), 5);
      CHECK(converted.noise.scalar_type() == type);
      CHECK(at::equal(converted.noise, match(images, 5).noise.to(type)));
    }
  }
}

TEST_CASE("the matcher's noise stays what it was when the next step is drawn") {
  const at::Tensor images = integers({8, 4}, 17);
  immiscible::torch_noise_matcher match({1, options_of(method::exact)});
  const at::Tensor first = match(images, 1).noise, copy = first.clone();
  const at::Tensor second = match(images, 2).noise;
  CHECK(at::equal(first, copy));
  CHECK_FALSE(at::equal(first, second));
}

TEST_CASE("paired and unpaired training see the same noise, row for row") {
  const at::Tensor images = integers({40, 6}, 18);
  immiscible::torch_noise_matcher paired({9, options_of(method::exact)}), vanilla({9, options_of(method::none)});
  const auto matched = paired(images, 3);
  const at::Tensor drawn = vanilla(images, 3).noise;
  CHECK(at::equal(matched.noise, immiscible::permute_rows(drawn, matched.pairs.noise_of_image)));
  CHECK((images - matched.noise).square().sum().item<double>() < (images - drawn).square().sum().item<double>());
}

TEST_CASE("groups: labels as a tensor, strided or not") {
  const at::Tensor images = integers({30, 2, 3}, 30), noise = integers({30, 2, 3}, 31);
  at::Tensor both = at::empty({30, 2}, at::kLong);
  std::vector<std::int64_t> group;
  for (std::int64_t i = 0; i < 30; ++i) group.push_back(i * i % 4), both[i][0] = i * i % 4;
  const at::Tensor labels = both.select(1, 0);
  const auto of_rows = immiscible::assign_in_groups(rows_of(images), rows_of(noise), group);
  CHECK(immiscible::assign_in_groups(images, noise, labels).noise_of_image == of_rows.noise_of_image);
  CHECK(immiscible::assign_in_groups(images.to(at::kDouble), noise.to(at::kDouble), labels).noise_of_image.size() ==
        30);

  immiscible::torch_noise_matcher match({5, {}});
  immiscible::noise_matcher plain({5, {}});
  const auto expected = plain(rows_of(images), 2, group);
  const at::Tensor matched = match(images, 2, labels).noise;
  CHECK(std::equal(expected.noise.data(), expected.noise.data() + 30 * 6, matched.const_data_ptr<float>()));
  CHECK_THAT(refusal_of([&] { match(images, 2, labels.to(at::kInt)); }), Contains("needs labels [n] of int64"));
  CHECK_THAT(refusal_of([&] { match(images, 2, labels.to_sparse()); }), Contains("needs labels [n] of int64, dense"));
  CHECK_THAT(refusal_of([&] { match(images, 2, labels.narrow(0, 0, 29)); }), Contains("each of the 30 images, got 29"));
}

TEST_CASE("float_rows: a view, and what has none") {
  const at::Tensor images = integers({5, 2, 3}, 32);
  const auto rows = immiscible::float_rows(images);
  CHECK(rows.data() == images.const_data_ptr<float>());
  CHECK(rows.rows() == 5);
  CHECK(rows.columns() == 6);
  CHECK(at::equal(immiscible::tensor_of(rows, {5, 3, 2}), images.view({5, 3, 2})));
  CHECK_THAT(refusal_of([&] { immiscible::tensor_of(rows, {6, 5}); }), Contains("rows [5, 6], got [6, 5]"));
  CHECK_THAT(refusal_of([&] { immiscible::tensor_of(rows, {5, -2, -3}); }), Contains("got [5, -2, -3]"));
  CHECK_THAT(refusal_of([&] { immiscible::float_rows(images.to(at::kHalf)); }),
             Contains("float32") && Contains("Half"));
  CHECK_THAT(refusal_of([&] { immiscible::float_rows(images.transpose(1, 2)); }), Contains("contiguous"));
  CHECK_THAT(refusal_of([&] { immiscible::float_rows(at::Tensor()); }), Contains("undefined"));
}

TEST_CASE("no images: empty answers") {
  const at::Tensor none = at::empty({0, 3, 2});
  CHECK(assign(none, none).noise_of_image.empty());
  CHECK(immiscible::permute_rows(none, {}).sizes() == none.sizes());
  immiscible::torch_noise_matcher match;
  CHECK(match(none, 0).noise.sizes() == none.sizes());
}

TEST_CASE("what cannot be paired is refused, with what is needed and what came") {
  const at::Tensor images = integers({4, 2, 3}, 19), noise = integers({4, 2, 3}, 20);
  const auto refused = [&](const at::Tensor& x, const at::Tensor& e) { return refusal_of([&] { assign(x, e); }); };
  CHECK_THAT(refused(at::Tensor(), noise), StartsWith("immiscible::assign: needs") && Contains("undefined"));
  CHECK_THAT(refused(images.to(at::kLong), noise),
             Contains("needs images of float32") && Contains("got Long [4, 2, 3]"));
  CHECK_THAT(refused(images, noise.to(at::kByte)), Contains("needs noise of float32") && Contains("Byte"));
  CHECK_THAT(refused(images.to(at::kMeta), noise),
             Contains("needs images on the CPU (for a GPU: torch.cuh)") && Contains("meta"));
  CHECK_THAT(refused(images.to_sparse(), noise), Contains("needs dense images"));
  CHECK_THAT(refused(at::scalar_tensor(1.0f), noise), Contains("of shape [n, ...]"));
  CHECK_THAT(refused(images, integers({4, 3, 2}, 21)), Contains("same sizes") && Contains("[4, 3, 2]"));
  CHECK_THAT(refused(images, noise.narrow(0, 0, 3)), StartsWith("immiscible::assign: needs") && Contains("[3, 6]"));
  at::Tensor spoilt = images.clone();
  spoilt[2][1][0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THAT(refused(spoilt, noise), StartsWith("immiscible::assign: needs") && Contains("row 2"));
  immiscible::torch_noise_matcher match;
  CHECK_THAT(refusal_of([&] { match(images.to(at::kInt), 0); }), StartsWith("immiscible::torch_noise_matcher: needs"));
}

TEST_CASE("row numbers that do not fit are refused and nothing moves") {
  at::Tensor noise = integers({4, 2}, 22);
  const at::Tensor before = noise.clone();
  CHECK_THAT(refusal_of([&] { (void)immiscible::permute_rows(noise, {0, 4}); }), Contains("from 0 to 3, got 4"));
  CHECK_THAT(refusal_of([&] { (void)immiscible::permute_rows(noise, {-1}); }), Contains("got -1"));
  CHECK_THAT(refusal_of([&] { (void)immiscible::permute_rows(at::scalar_tensor(1.0f), {0}); }),
             Contains("without dimensions"));
  CHECK_THAT(refusal_of([&] { immiscible::permute_rows_(noise, {0, 1, 2, 2}); }), Contains("permutation of 4 rows"));
  CHECK_THAT(refusal_of([&] { immiscible::permute_rows_(noise, {0, 1, 2}); }), Contains("permutation of 4 rows"));
  CHECK(at::equal(noise, before));
}

}  // namespace torch_tests
