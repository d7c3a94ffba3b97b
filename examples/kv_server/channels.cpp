#include "channels.hpp"

#include <vector>

#include "store.hpp"

Channels::Channels(coppice::System& system) : broker_{system}, patterns_{std::make_shared<Patterns>()} {}

Channels::Listening::Listening(std::shared_ptr<Patterns> patterns, std::string pattern)
    : patterns_{std::move(patterns)}, pattern_{std::move(pattern)} {
  const std::lock_guard lock{patterns_->mutex};
  ++patterns_->listeners[pattern_];
}

Channels::Listening::~Listening() {
  if (!patterns_) return;
  const std::lock_guard lock{patterns_->mutex};
  const auto at = patterns_->listeners.find(pattern_);
  if (--at->second == 0) patterns_->listeners.erase(at);
}

std::uint64_t Channels::publish(const std::string& channel, const std::string& text) {
  std::vector<std::string> fitting;
  {
    const std::lock_guard lock{patterns_->mutex};
    for (const auto& [pattern, listeners] : patterns_->listeners) {
      if (matches(pattern, channel)) fitting.push_back(pattern);
    }
  }
  std::uint64_t reached =
      broker_.publish(topic_of("channel", channel), ChannelMessage{channel, text, std::nullopt}).delivered;
  for (const std::string& pattern : fitting)
    reached += broker_.publish(topic_of("pattern", pattern), ChannelMessage{channel, text, pattern}).delivered;
  return reached;
}

std::string Channels::topic_of(std::string_view kind, std::string_view name) {
  std::string topic{kind};
  topic += ".=";
  for (const char c : name) {
    if (c == '.') {
      topic += "%2e";
    } else if (c == '%') {
      topic += "%25";
    } else {
      topic += c;
    }
  }
  return topic;
}
