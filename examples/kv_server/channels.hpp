#pragma once

#include <coppice/coppice.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// What comes over a channel.
struct ChannelMessage {
  std::string channel;
  std::string text;
  std::optional<std::string> pattern;  ///< through which it comes, if not by its channel's name
};

/// Redis's channels and patterns over the library's broker. Each channel and each pattern is a topic of its own, since
/// Redis's patterns are of characters and the broker's of words: who publishes looks which patterns fit, as Redis does, and
/// so knows exactly how many it reaches.
///
/// Threads    any.
class Channels {
  struct Patterns;

 public:
  explicit Channels(coppice::System& system);

  /// A pattern that somebody listens to, as long as it lives.
  class Listening {
   public:
    Listening() noexcept = default;
    Listening(std::shared_ptr<Patterns> patterns, std::string pattern);
    Listening(Listening&&) noexcept = default;
    Listening& operator=(Listening&&) = delete;
    ~Listening();
    coppice::Subscription subscription;

   private:
    std::shared_ptr<Patterns> patterns_;  // null: it is of a channel
    std::string pattern_;
  };

  /// Ends with what is returned, or with the actor.
  template <class A>
  [[nodiscard]] Listening listen(const std::string& channel, const coppice::ActorRef<A>& ref) {
    Listening listening;
    listening.subscription = broker_.subscribe<ChannelMessage>(topic_of("channel", channel), ref);
    return listening;
  }
  template <class A>
  [[nodiscard]] Listening listen_to_pattern(const std::string& pattern, const coppice::ActorRef<A>& ref) {
    Listening listening{patterns_, pattern};
    listening.subscription = broker_.subscribe<ChannelMessage>(topic_of("pattern", pattern), ref);
    return listening;
  }
  /// How many it reaches.
  std::uint64_t publish(const std::string& channel, const std::string& text);

 private:
  struct Patterns {
    std::mutex mutex;
    std::map<std::string, std::uint64_t> listeners;  // of each; none of zero
  };
  /// One word, whatever is in the name.
  [[nodiscard]] static std::string topic_of(std::string_view kind, std::string_view name);

  coppice::InMemoryBroker broker_;
  std::shared_ptr<Patterns> patterns_;
};
