// Pictures are drawn by gnuplot (Debian: gnuplot-nox), which is handed one script with its data inside.
#pragma once

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace examples {

/// Text for gnuplot's single quotes.
inline std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

/// The look that all pictures share: a PNG file of this size, fonts, pale axes.
inline std::string picture_header(const std::string& file, int width, int height) {
  return "set terminal pngcairo size " + std::to_string(width) + "," + std::to_string(height) +
         " enhanced font 'DejaVu Sans,12' background rgb 'white'\nset output " + quoted(file) +
         "\nset border 3 lc rgb '#888888'\nset tics nomirror textcolor rgb '#444444'\n"
         "set grid lc rgb '#dddddd' lt 1 lw 0.5\nset key textcolor rgb '#222222' opaque box lc rgb '#dddddd'\n";
}

/// The colour of a pairing in every picture; those without a colour of their own are told apart by their place in the list.
inline const char* colour_of(const std::string& pairing, std::size_t place = 0) {
  if (pairing == "none") return "#7f7f7f";
  if (pairing == "exact") return "#d1495b";
  if (pairing == "auction") return "#2e86ab";
  if (pairing == "greedy") return "#3a9d5d";
  constexpr const char* others[] = {"#6a4c93", "#9bb31f", "#1b998b", "#e07a9b", "#4f6d7a", "#c98a1b"};
  return others[place % 6];
}

/// Runs a gnuplot script.
///
/// @return  false where gnuplot refuses the script (it says why on standard error) or is missing (one line says so).
inline bool draw(const std::string& script) {
  if (std::system("command -v gnuplot >/dev/null 2>&1") != 0) {
    std::fprintf(stderr, "no pictures: gnuplot is missing (Debian: apt install gnuplot-nox)\n");
    return false;
  }
  std::signal(SIGPIPE, SIG_IGN);  // a gnuplot that gives up early must not end this program
  std::FILE* pipe = popen("gnuplot", "w");
  if (pipe == nullptr) return false;
  std::fwrite(script.data(), 1, script.size(), pipe);
  return pclose(pipe) == 0;
}

}  // namespace examples
