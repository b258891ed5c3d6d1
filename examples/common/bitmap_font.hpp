// Fonts of coloured bitmaps, such as Noto Color Emoji, by FreeType.
#pragma once

#include "pictures.hpp"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace examples {

/// A font of coloured bitmaps.
class bitmap_font {
 public:
  explicit bitmap_font(const std::string& file) : library_(nullptr, FT_Done_FreeType), face_(nullptr, FT_Done_Face) {
    FT_Library library = nullptr;
    if (FT_Init_FreeType(&library) != 0) throw std::runtime_error("FreeType cannot be started");
    library_.reset(library);
    if (!std::filesystem::exists(file)) {
      throw std::runtime_error("needs " + file + " (Debian: apt install fonts-noto-color-emoji)");
    }
    FT_Face face = nullptr;
    if (FT_New_Face(library, file.c_str(), 0, &face) != 0) throw std::runtime_error("needs a font, got " + file);
    face_.reset(face);
    if (!FT_HAS_COLOR(face) || face->num_fixed_sizes < 1 || FT_Select_Size(face, 0) != 0) {
      throw std::runtime_error("needs a font of coloured bitmaps, got " + file);
    }
  }

  FT_UInt glyphs() const { return static_cast<FT_UInt>(face_->num_glyphs); }

  /// Glyph -> the code points that have it by themselves.
  std::multimap<FT_UInt, FT_ULong> code_points() const {
    std::multimap<FT_UInt, FT_ULong> result;
    FT_UInt glyph = 0;
    for (FT_ULong code = FT_Get_First_Char(face_.get(), &glyph); glyph != 0;
         code = FT_Get_Next_Char(face_.get(), code, &glyph)) {
      result.emplace(glyph, code);
    }
    return result;
  }

  /// The glyph in the middle of a white square; 0 x 0 pixels where it has no bitmap.
  picture draw(FT_UInt glyph) const {
    if (FT_Load_Glyph(face_.get(), glyph, FT_LOAD_COLOR) != 0) return {};
    const FT_Bitmap& bitmap = face_->glyph->bitmap;
    if (bitmap.pixel_mode != FT_PIXEL_MODE_BGRA || bitmap.width == 0 || bitmap.rows == 0) return {};
    if (bitmap.pitch < 4 * static_cast<std::int64_t>(bitmap.width)) return {};
    const std::size_t width = bitmap.width, height = bitmap.rows, side = std::max(width, height);
    const std::size_t left = (side - width) / 2, top = (side - height) / 2;
    picture square{static_cast<int>(side), static_cast<int>(side), std::vector<std::uint8_t>(3 * side * side, 255)};
    for (std::size_t y = 0; y < height; ++y) {
      const unsigned char* row = bitmap.buffer + static_cast<std::ptrdiff_t>(y) * bitmap.pitch;
      std::uint8_t* to = &square.rgb[3 * ((top + y) * side + left)];
      for (std::size_t x = 0; x < width; ++x) {
        const unsigned char* bgra = row + 4 * x;  // colours are multiplied by alpha already
        for (int c = 2; c >= 0; --c) *to++ = static_cast<std::uint8_t>(std::min(255, bgra[c] + 255 - bgra[3]));
      }
    }
    return square;
  }

 private:
  std::unique_ptr<std::remove_pointer_t<FT_Library>, decltype(&FT_Done_FreeType)> library_;
  std::unique_ptr<std::remove_pointer_t<FT_Face>, decltype(&FT_Done_Face)> face_;
};

}  // namespace examples
