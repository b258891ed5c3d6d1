#include "matched_samples.hpp"

#include "flow.hpp"

#include <immiscible/matched_loader.hpp>
#include <immiscible/torch.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace examples {

class matched_samples::reader {
 public:
  reader(const job& j, torch::Tensor samples, torch::Tensor conditions, int steps_done)
      : samples_(std::move(samples)),
        conditions_(std::move(conditions)),
        scale_(j.sample_scale()),
        first_of_window_(first_of_window(j, samples_.size(0), steps_done)),
        order_(samples_.size(0), j.options.batch, j.key(), first_of_window_),
        loader_([this] { return read(); }, loader_options(j), groups(j)) {
    for (int i = first_of_window_; i < steps_done; ++i) loader_.next();
  }

  matched_batch next() {
    const auto given = loader_.next();
    const auto& [samples, conditions] = given->images;
    return {samples, conditions, immiscible::tensor_of(given->noise, samples.sizes())};
  }

 private:
  struct part {
    torch::Tensor samples, conditions;
    friend immiscible::batch<float> as_batch(const part& p) { return immiscible::float_rows(p.samples); }
  };
  using loader = immiscible::matched_loader<part>;

  static int first_of_window(const job& j, std::int64_t count, int steps_done) {
    const int batch = static_cast<int>(std::min<std::int64_t>(j.options.batch, count));
    const int batches = std::max(1, (static_cast<int>(j.how.window) + batch - 1) / batch);
    return steps_done / batches * batches;
  }

  immiscible::matched_loader_options loader_options(const job& j) const {
    immiscible::matched_loader_options options;
    options.matcher = {j.key(), j.how.assign, j.first_paired_step()};
    options.window = j.how.window;
    options.background = j.options.background;
    options.first_index = static_cast<std::uint64_t>(first_of_window_) + 1;
    return options;
  }

  loader::labels groups(const job& j) const {
    if (!j.options.has_classes || !j.how.within_classes || !conditions_.defined()) return nullptr;
    if (j.how.assign.method == immiscible::method::nearest) return nullptr;  // every sample has candidates of its own
    return [](const part& p) {
      const std::int64_t* labels = p.conditions.const_data_ptr<std::int64_t>();
      return std::vector<std::int64_t>(labels, labels + p.conditions.numel());
    };
  }

  std::optional<part> read() {
    const torch::Tensor rows = order_.next();
    torch::Tensor samples = samples_.index_select(0, rows);
    if (scale_ != 1) samples = samples * scale_;
    return part{std::move(samples), conditions_.defined() ? conditions_.index_select(0, rows) : torch::Tensor()};
  }

  torch::Tensor samples_, conditions_;
  double scale_;
  int first_of_window_;
  batch_order order_;
  loader loader_;
};

matched_samples::matched_samples(const job& j, torch::Tensor samples, torch::Tensor conditions, int steps_done)
    : reader_(std::make_unique<reader>(j, std::move(samples), std::move(conditions), steps_done)) {}

matched_samples::~matched_samples() = default;

matched_batch matched_samples::next() { return reader_->next(); }

}  // namespace examples
