// What a comparison of pairings shows: tables, a CSV and a JSON file, a picture of the curves.
#pragma once

#include "experiment.hpp"

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace examples {

/// How quality is measured.
struct metric {
  std::string name;
  bool higher_is_better = true;
  int digits = 3;
  std::string sampler = "Euler";  ///< whose steps are counted
  bool better(double a, double b) const { return higher_is_better ? a > b : a < b; }
};

/// Mean and standard deviation over the seeds.
struct spread {
  double mean = 0, deviation = 0;
};

spread spread_of(const std::vector<double>& values);

/// `value` with this many digits after the point.
std::string fixed(double value, int digits);

/// The runs of all pairings, and what can be said about them. The baseline is pairing `none`, where it is among them.
class comparison {
 public:
  comparison(const trainer_options& options, metric quality, std::vector<run> runs)
      : options_(options), metric_(std::move(quality)), runs_(std::move(runs)) {
    for (const std::string& pairing : options_.pairings) {
      if (pairing == "none") target_ = mean_curve("none").back().quality.mean;
    }
  }

  /// The tables: quality at equal steps; steps and core seconds to the baseline's final quality; the other figures; where
  /// there is no gain.
  void print(std::ostream& out) const;
  /// Every measurement of every run.
  void write_csv(const std::string& file) const;
  /// The options, and of every pairing its figures over the seeds, as the tables show them.
  void write_json(const std::string& file) const;
  /// Mean and band over the seeds against steps and against core seconds; nothing without gnuplot.
  bool draw_curves(const std::string& file, const std::string& title) const;

  /// The run of this pairing with the first seed.
  const run& first_run(const std::string& pairing) const { return *runs_of(pairing).front(); }
  /// Indices into the options' sampler_steps, fewest first.
  std::vector<std::size_t> by_sampler_steps() const;
  /// "4 Euler steps"
  std::string sampler_text(int steps) const {
    return std::to_string(steps) + " " + metric_.sampler + (steps == 1 ? " step" : " steps");
  }

 private:
  struct point {
    double step, seconds;
    spread quality;
  };
  struct reached {
    double steps, seconds;
    bool at_first_point;  // so perhaps earlier
  };

  std::vector<const run*> runs_of(const std::string& pairing) const {
    std::vector<const run*> found;
    for (const run& r : runs_) {
      if (r.pairing == pairing) found.push_back(&r);
    }
    return found;
  }
  std::vector<point> mean_curve(const std::string& pairing) const;
  spread final_quality(const std::string& pairing, std::size_t sampler_index) const;
  std::optional<reached> reach_target(const std::string& pairing) const;
  std::vector<std::string> table_row(const std::string& pairing) const;
  std::vector<spread> others(const std::string& pairing) const;
  void print_others(std::ostream& out) const;
  void print_wait_for_noise(std::ostream& out) const;
  void print_gain_over_whole_run(std::ostream& out) const;
  void print_cases_without_gain(std::ostream& out) const;
  std::string quality_text(const spread& s) const {
    return fixed(s.mean, metric_.digits) + (options_.seeds > 1 ? " ± " + fixed(s.deviation, metric_.digits) : "");
  }

  trainer_options options_;
  metric metric_;
  std::vector<run> runs_;
  std::optional<double> target_;  // the baseline's final quality at the first number of sampler steps
};

}  // namespace examples
