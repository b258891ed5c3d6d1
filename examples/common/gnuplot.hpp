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
  constexpr struct {
    const char *pairing, *colour;
  } known[] = {{"none", "#7f7f7f"},
               {"exact", "#d1495b"},
               {"exact:1024", "#1b998b"},
               {"drawn_nearest:4", "#e07a9b"},
               {"drawn_nearest:8", "#4f6d7a"},
               {"drawn_nearest:16", "#c98a1b"},
               {"scale:2", "#6a4c93"},
               {"auction", "#2e86ab"},
               {"greedy", "#3a9d5d"}};
  for (const auto& one : known) {
    if (pairing == one.pairing) return one.colour;
  }
  constexpr const char* others[] = {"#9bb31f", "#8c564b", "#17a2c6", "#b5651d"};
  return others[place % 4];
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
