// What the trainer on latents and the programs that open its models share.
#pragma once

#include "autoencoder.hpp"
#include "image_studio.hpp"
#include "latent_unet.hpp"
#include "latents.hpp"

#include <memory>

namespace examples {

/// The autoencoder of the pictures, from the folder of the program or trained now.
inline std::shared_ptr<autoencoder> autoencoder_for(const image_studio& s, const trainer_options& options) {
  return trained_autoencoder(s.images, s.source.name, options.smoke ? 50 : 1500, options.out);
}

/// Mean squared error of the test pictures after encoding and decoding, where pixels have variance 1.
inline double autoencoder_error(autoencoder& network, const image_studio& s) {
  const torch::Tensor pictures = s.scale.scaled(s.source.test.images);
  return (decoded(network, encoded(network, pictures)) - pictures).square().mean().item<double>();
}

}  // namespace examples
