#pragma once
#include <gtest/gtest.h>

#include <string>

#include "cli/config_file.h"

namespace fittest::cli {

// What a file named fittest.toml with this text says.
inline Config parsed(const std::string& text, ConfigKind kind = ConfigKind::fittest_toml) {
  const auto config = parse_config(text, "fittest.toml", kind);
  EXPECT_TRUE(config) << config.error().text();
  return config && *config ? **config : Config{};
}

// Why it is refused.
inline std::string refused(const std::string& text) {
  const auto config = parse_config(text, "fittest.toml", ConfigKind::fittest_toml);
  EXPECT_FALSE(config) << text;
  return config ? "" : config.error().text();
}

}  // namespace fittest::cli
