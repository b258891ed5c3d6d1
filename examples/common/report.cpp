#include "report.hpp"

#include "gnuplot.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace examples {

spread spread_of(const std::vector<double>& values) {
  spread s;
  for (const double v : values) s.mean += v / static_cast<double>(values.size());
  for (const double v : values) s.deviation += (v - s.mean) * (v - s.mean);
  s.deviation = values.size() < 2 ? 0 : std::sqrt(s.deviation / static_cast<double>(values.size() - 1));
  return s;
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::vector<comparison::point> comparison::mean_curve(const std::string& pairing) const {
  const std::vector<const run*> runs = runs_of(pairing);
  std::vector<point> curve;
  for (std::size_t p = 0; p < runs.front()->curve.size(); ++p) {
    std::vector<double> seconds, qualities;
    for (const run* r : runs) {
      seconds.push_back(r->curve[p].seconds);
      qualities.push_back(r->curve[p].quality);
    }
    curve.push_back({static_cast<double>(runs.front()->curve[p].step), spread_of(seconds).mean, spread_of(qualities)});
  }
  return curve;
}

spread comparison::final_quality(const std::string& pairing, std::size_t sampler_index) const {
  std::vector<double> qualities;
  for (const run* r : runs_of(pairing)) qualities.push_back(r->finals[sampler_index].quality);
  return spread_of(qualities);
}

/// Where the mean curve first reaches the target, between two points of the curve in proportion.
std::optional<comparison::reached> comparison::reach_target(const std::string& pairing) const {
  const std::vector<point> curve = mean_curve(pairing);
  for (std::size_t p = 0; p < curve.size(); ++p) {
    const double here = curve[p].quality.mean;
    if (metric_.better(*target_, here)) continue;
    if (p == 0) return reached{curve[0].step, curve[0].seconds, true};
    const double before = curve[p - 1].quality.mean, part = (*target_ - before) / (here - before);
    return reached{curve[p - 1].step + part * (curve[p].step - curve[p - 1].step),
                   curve[p - 1].seconds + part * (curve[p].seconds - curve[p - 1].seconds), false};
  }
  return std::nullopt;
}

std::vector<std::size_t> comparison::by_sampler_steps() const {
  std::vector<std::size_t> order(options_.sampler_steps.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return options_.sampler_steps[a] < options_.sampler_steps[b]; });
  return order;
}

std::vector<std::string> comparison::table_row(const std::string& pairing) const {
  std::vector<std::string> cells = {pairing};
  for (const std::size_t e : by_sampler_steps()) cells.push_back(quality_text(final_quality(pairing, e)));
  cells.push_back(fixed(mean_curve(pairing).back().seconds, 1));
  if (!target_) return cells;
  const auto own = reach_target(pairing), baseline = reach_target("none");
  if (!own) {
    cells.insert(cells.end(), {"not reached", "not reached"});
    return cells;
  }
  const std::string bound = own->at_first_point ? "at most " : "";
  cells.push_back(bound + fixed(own->steps, 0));
  cells.push_back(bound + fixed(own->seconds, 1));
  if (pairing != "none" && !baseline->at_first_point) {
    cells[cells.size() - 2] += " (" + fixed(baseline->steps / own->steps, 1) + "x fewer)";
    cells[cells.size() - 1] += " (" + fixed(baseline->seconds / own->seconds, 1) + "x less)";
  }
  return cells;
}

/// Columns aligned, three blanks between them.
static void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& table) {
  const auto width = [](const std::string& text) {  // in characters: UTF-8 continuation bytes do not count
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  for (const auto& row : table) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      std::size_t widest = 0;
      for (const auto& other : table) widest = std::max(widest, width(other[c]));
      out << row[c] << std::string(c + 1 < row.size() ? widest - width(row[c]) + 3 : 0, ' ');
    }
    out << '\n';
  }
}

void comparison::print(std::ostream& out) const {
  std::vector<std::vector<std::string>> table(1, {"pairing"});
  for (const std::size_t e : by_sampler_steps()) table[0].push_back(sampler_text(options_.sampler_steps[e]));
  table[0].push_back("core seconds");
  if (target_) {
    const std::string target = fixed(*target_, metric_.digits);
    table[0].insert(table[0].end(), {"steps to " + target, "core seconds to " + target});
  }
  for (const std::string& pairing : options_.pairings) table.push_back(table_row(pairing));

  out << metric_.name << " (" << (metric_.higher_is_better ? "higher" : "lower") << " is better) after "
      << options_.steps << " training steps, "
      << (options_.seeds > 1 ? "mean ± standard deviation of " + std::to_string(options_.seeds) + " seeds" : "1 seed")
      << "\n\n";
  print_table(out, table);
  out << "\nCore seconds: one core, "
      << (options_.background ? "without the thread that draws and pairs" : "drawing and pairing of the noise included")
      << ", evaluation left out.";
  if (target_) {
    out << "\nSteps and seconds to " << fixed(*target_, metric_.digits) << ": where the mean curve first reaches the "
        << "baseline's final quality at " << sampler_text(options_.sampler_steps.front()) << ".";
  }
  out << '\n';
  print_wait_for_noise(out);
  print_others(out);
  if (!target_) return;
  print_gain_over_whole_run(out);
  print_cases_without_gain(out);
}

std::vector<spread> comparison::others(const std::string& pairing) const {
  const std::vector<const run*> runs = runs_of(pairing);
  std::vector<spread> values;
  for (std::size_t i = 0; i < runs.front()->others.size(); ++i) {
    std::vector<double> of_seeds;
    for (const run* r : runs) of_seeds.push_back(r->others[i].value);
    values.push_back(spread_of(of_seeds));
  }
  return values;
}

void comparison::print_others(std::ostream& out) const {
  const std::vector<named_value>& names = runs_.front().others;
  if (names.empty()) return;
  std::vector<std::vector<std::string>> table(1, {"pairing"});
  for (const named_value& other : names) table[0].push_back(other.name);
  for (const std::string& pairing : options_.pairings) {
    table.push_back({pairing});
    for (const spread& value : others(pairing)) {
      const int digits = value.mean < 10 ? 3 : 1;
      table.back().push_back(fixed(value.mean, digits) +
                             (options_.seeds > 1 ? " ± " + fixed(value.deviation, digits) : ""));
    }
  }
  out << "\nAt " << sampler_text(options_.sampler_steps.front()) << ":\n\n";
  print_table(out, table);
  out << '\n';
}

/// By the clock, so that the thread that pairs ahead of time counts only where the training waits for it.
void comparison::print_wait_for_noise(std::ostream& out) const {
  const char* between = "Share of the training time spent on reading, drawing and pairing, by the clock: ";
  for (const std::string& pairing : options_.pairings) {
    std::vector<double> shares;
    for (const run* r : runs_of(pairing)) shares.push_back(r->noise_share);
    if (spread_of(shares).mean == 0) return;  // a trainer that does not measure it
    out << between << pairing << ' ' << fixed(100 * spread_of(shares).mean, 1) << " %";
    between = ", ";
  }
  out << ".\n";
}

/// The baseline's curve may have been at its final quality long before its end: the table counts from there. This line
/// counts from the end, as is common; it says nothing where the baseline was there from the first evaluation on.
void comparison::print_gain_over_whole_run(std::ostream& out) const {
  const auto baseline = reach_target("none");
  if (!baseline || baseline->at_first_point) return;
  for (const std::string& pairing : options_.pairings) {
    const auto own = reach_target(pairing);
    if (pairing == "none" || !own) continue;
    out << "Against the baseline's whole run of " << options_.steps << " steps, " << pairing << " needs "
        << (own->at_first_point ? "at least " : "") << fixed(options_.steps / own->steps, 1) << "x fewer steps and "
        << fixed(mean_curve("none").back().seconds / own->seconds, 1) << "x less time to that quality.\n";
  }
}

void comparison::print_cases_without_gain(std::ostream& out) const {
  for (const std::string& pairing : options_.pairings) {
    if (pairing == "none") continue;
    for (const std::size_t e : by_sampler_steps()) {
      const spread own = final_quality(pairing, e), baseline = final_quality("none", e);
      const double gain = metric_.higher_is_better ? own.mean - baseline.mean : baseline.mean - own.mean;
      const double deviation = std::max(own.deviation, baseline.deviation);
      if (gain > deviation) continue;
      out << (gain < -deviation ? "Worse" : "No difference beyond the spread") << " with " << pairing << " at "
          << sampler_text(options_.sampler_steps[e]) << ": " << quality_text(own) << ", baseline "
          << quality_text(baseline) << ".\n";
    }
  }
}

void comparison::write_csv(const std::string& file) const {
  std::ofstream out(file);
  out << "pairing,seed,step,core_seconds,sampler_steps,quality\n";
  for (const run& r : runs_) {
    const auto write = [&](const measurement& m) {
      out << r.pairing << ',' << r.seed << ',' << m.step << ',' << m.seconds << ',' << m.sampler_steps << ','
          << m.quality << '\n';
    };
    for (const measurement& m : r.curve) write(m);
    for (std::size_t e = 1; e < r.finals.size(); ++e) write(r.finals[e]);  // the first is the last point of the curve
  }
  if (!out) throw std::runtime_error("cannot write " + file);
}

void comparison::write_json(const std::string& file) const {
  using nlohmann::json;
  const auto mean_and_deviation = [](const spread& s) { return json{{"mean", s.mean}, {"deviation", s.deviation}}; };
  json report = {{"program", options_.program},
                 {"command", options_.command},
                 {"options", options_.settings},
                 {"pairings", json::array()},
                 {"steps", options_.steps},
                 {"batch", options_.batch},
                 {"first_seed", options_.seed},
                 {"seeds", options_.seeds},
                 {"metric", metric_.name},
                 {"higher_is_better", metric_.higher_is_better},
                 {"digits", metric_.digits},
                 {"sampler", metric_.sampler},
                 {"sampler_steps", options_.sampler_steps}};
  if (target_) report["target"] = *target_;
  for (const std::string& pairing : options_.pairings) {
    json entry = {{"pairing", pairing}};
    entry["core_seconds"] = mean_curve(pairing).back().seconds;
    for (const std::size_t e : by_sampler_steps()) {
      entry["quality"][std::to_string(options_.sampler_steps[e])] = mean_and_deviation(final_quality(pairing, e));
    }
    const std::vector<spread> values = others(pairing);
    for (std::size_t i = 0; i < values.size(); ++i) {
      entry["others"][runs_.front().others[i].name] = mean_and_deviation(values[i]);
    }
    std::vector<double> losses, shares;
    for (const run* r : runs_of(pairing)) {
      losses.push_back(r->loss);
      shares.push_back(r->noise_share);
    }
    entry["loss"] = mean_and_deviation(spread_of(losses));
    entry["noise_share"] = mean_and_deviation(spread_of(shares));
    if (target_) {
      entry["to_target"] = nullptr;
      if (const auto own = reach_target(pairing)) {
        entry["to_target"] = {{"steps", own->steps}, {"core_seconds", own->seconds}, {"at_most", own->at_first_point}};
      }
    }
    report["pairings"].push_back(std::move(entry));
  }
  std::ofstream out(file);
  out << report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';  // paths may be no UTF-8
  if (!out) throw std::runtime_error("cannot write " + file);
}

/// 1, 2 or 5 times a power of ten, so that an axis up to `end` has four to nine ticks.
static double tick_distance(double end) {
  const double power = std::pow(10, std::floor(std::log10(end)));
  return end / power < 2 ? power / 5 : end / power < 5 ? power / 2 : power;
}

/// A pairing's name in a key: gnuplot would read "_" as the sign of an index.
static std::string key_text(const std::string& pairing) { return quoted(pairing) + " noenhanced"; }

bool comparison::draw_curves(const std::string& file, const std::string& title) const {
  std::ostringstream script;
  script << picture_header(file, 1200, 580) << "set multiplot layout 1,2 title " << quoted(title)
         << " font 'DejaVu Sans,15'\nset tmargin 2.5; set yrange [0:*]; set xrange [0:*]\n";
  for (std::size_t i = 0; i < options_.pairings.size(); ++i) {
    script << "$curve" << i << " << END\n";
    for (const point& p : mean_curve(options_.pairings[i])) {
      script << p.step << ' ' << p.seconds << ' ' << p.quality.mean << ' ' << p.quality.mean - p.quality.deviation
             << ' ' << p.quality.mean + p.quality.deviation << '\n';
    }
    script << "END\n";
  }
  // The key stands below: curves may be anywhere, and the tables know seven pairings.
  script << "set style fill transparent solid 0.18 noborder\nset key bmargin center horizontal nobox noopaque\n"
         << "set ylabel '" << metric_.name << " at " << sampler_text(options_.sampler_steps.front()) << "'\n";
  for (const int column : {1, 2}) {
    script << (column == 1 ? "set xtics " + fixed(std::max(1.0, tick_distance(options_.steps)), 0)
                           : "set xtics autofreq")
           << "\nset xlabel offset 0,0.3 '"
           << (column == 1           ? "training steps"
               : options_.background ? "core seconds of the training thread"
                                     : "core seconds, pairing included")
           << "'\n";
    const char* separator = "plot ";
    if (target_) {
      script << separator << *target_ << " with lines dt 2 lc rgb '#aaaaaa' title 'final quality of none'";
      separator = ", ";
    }
    for (std::size_t i = 0; i < options_.pairings.size(); ++i) {
      const std::string& pairing = options_.pairings[i];
      const std::string colour = colour_of(pairing, i);
      script << separator << "$curve" << i << " using " << column << ":4:5 with filledcurves lc rgb '" << colour
             << "' notitle, $curve" << i << " using " << column << ":3 with linespoints lw 2.5 pt 7 ps 0.6 lc rgb '"
             << colour << "' title " << key_text(pairing);
      separator = ", ";
    }
    script << '\n';
  }
  return draw(script.str());
}

}  // namespace examples
