// Sheets of small pictures, in titled blocks, as one PNG file.
#pragma once

#include "gnuplot.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <vector>

namespace examples {

/// Pictures that are shown together: `columns` in a row, as many rows as it takes.
struct picture_block {
  std::string title;
  at::Tensor pictures;  ///< (N, 1 or 3, S, S) in [0, 1]; undefined: the place stays empty
  int columns = 6;
};

/// The pictures of a block side by side as one, (H, W, 3) uint8, every pixel enlarged to zoom x zoom.
inline at::Tensor sheet(const picture_block& block, std::int64_t zoom) {
  const at::Tensor& p = block.pictures;
  const std::int64_t size = p.size(2), columns = std::min<std::int64_t>(block.columns, p.size(0));
  const std::int64_t rows = (p.size(0) + columns - 1) / columns;
  at::Tensor all = at::ones({rows * columns, 3, size, size});
  all.narrow(0, 0, p.size(0)).copy_(p.expand({p.size(0), 3, size, size}));
  all = all.view({rows, columns, 3, size, size}).permute({0, 3, 1, 4, 2});  // (rows, S, columns, S, 3)
  all = all.contiguous().view({rows * size, columns * size, 3});
  all = all.repeat_interleave(zoom, 0).repeat_interleave(zoom, 1);
  return (all * 255).round().clamp(0, 255).to(at::kByte).contiguous();
}

/// Draws the blocks, row by row, all rows with equally many of them.
inline bool draw_pictures(const std::string& file, const std::string& title,
                          const std::vector<std::vector<picture_block>>& rows) {
  const at::Tensor& any = rows.front().front().pictures;
  const std::int64_t zoom = std::max<std::int64_t>(1, 64 / any.size(2));
  const auto columns = rows.front().size();
  std::vector<int> heights;
  int width = 0, height = 60;
  for (const auto& row : rows) {
    int highest = 0;
    for (const picture_block& block : row) {
      if (!block.pictures.defined()) continue;
      const at::Tensor pixels = sheet(block, zoom);
      highest = std::max(highest, static_cast<int>(pixels.size(0)));
      width = std::max({width, static_cast<int>(pixels.size(1)), static_cast<int>(8 * block.title.size())});
    }
    heights.push_back(highest + 44);
    height += heights.back();
  }
  const int whole_width = std::max(static_cast<int>(columns) * (width + 24), static_cast<int>(10 * title.size()));
  std::string script = picture_header(file, whole_width, height) +
                       "unset key; unset tics; unset grid; unset border\nset multiplot title " + quoted(title) +
                       " font 'DejaVu Sans,15'\n";
  int top = 50;
  for (std::size_t r = 0; r < rows.size(); top += heights[r], ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      const picture_block& block = rows[r][c];
      if (!block.pictures.defined()) continue;
      const at::Tensor pixels = sheet(block, zoom);
      const auto share = [](double part, int whole) { return std::to_string(part / whole); };
      const double left = static_cast<double>(c) * (width + 24) + 12, upper = top + 24;
      const auto w = static_cast<double>(pixels.size(1)), h = static_cast<double>(pixels.size(0));
      script += "set lmargin at screen " + share(left, whole_width) + "; set rmargin at screen " +
                share(left + w, whole_width) + "; set tmargin at screen " + share(height - upper, height) +
                "; set bmargin at screen " + share(height - upper - h, height) + "\nset title " + quoted(block.title) +
                " noenhanced offset 0,-0.7\nset xrange [-0.5:" + std::to_string(w - 0.5) +
                "]; set yrange [-0.5:" + std::to_string(h - 0.5) + "]\nplot '-' binary array=(" +
                std::to_string(pixels.size(1)) + "," + std::to_string(pixels.size(0)) +
                ") format='%uchar' flipy using 1:2:3 with rgbimage\n";
      script.append(reinterpret_cast<const char*>(pixels.const_data_ptr<std::uint8_t>()),
                    static_cast<std::size_t>(pixels.numel()));
    }
  }
  return draw(script);
}

}  // namespace examples
