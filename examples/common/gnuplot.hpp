// Pictures are drawn by gnuplot (Debian: gnuplot-nox), which is handed one script with its data inside.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

namespace examples {

/// The look that all pictures share: `set terminal ...` for a PNG file of this size, fonts, line colours.
inline std::string picture_header(const std::string& file, int width, int height) {
  return "set terminal pngcairo size " + std::to_string(width) + "," + std::to_string(height) +
         " enhanced font 'DejaVu Sans,13' background rgb 'white'\nset output '" + file +
         "'\nset border 3 lc rgb '#888888'\nset tics nomirror textcolor rgb '#444444'\n"
         "set grid lc rgb '#dddddd' lt 1 lw 0.5\nset key textcolor rgb '#222222'\n";
}

/// The colour of a pairing in every picture.
inline const char* colour_of(const std::string& pairing) {
  if (pairing == "none") return "#7f7f7f";
  if (pairing == "exact") return "#d1495b";
  if (pairing == "auction") return "#2e86ab";
  if (pairing == "greedy") return "#3a9d5d";
  return "#c98a1b";
}

/// Runs a gnuplot script.
///
/// @return  false, with one line on standard error, where gnuplot is missing or refuses the script.
inline bool draw(const std::string& script) {
  std::FILE* pipe = popen("gnuplot 2>&1 1>/dev/null | head -n 3 >&2; exit ${PIPESTATUS:-0}", "w");
  if (pipe == nullptr) return false;
  std::fwrite(script.data(), 1, script.size(), pipe);
  return pclose(pipe) == 0;
}

}  // namespace examples
