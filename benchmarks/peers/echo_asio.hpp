#pragma once

/// A TCP server that sends back what comes, of Asio alone: a connection reads, then writes, then reads.

#include <asio.hpp>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace coppice::bench {

class EchoOfAsio {
 public:
  explicit EchoOfAsio(unsigned threads)
      : context_{static_cast<int>(threads)},
        acceptor_{context_, asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0}} {
    accept();
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { context_.run(); });
  }
  EchoOfAsio(const EchoOfAsio&) = delete;
  EchoOfAsio& operator=(const EchoOfAsio&) = delete;
  ~EchoOfAsio() {
    context_.stop();
    for (std::thread& thread : threads_) thread.join();
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  class Connection : public std::enable_shared_from_this<Connection> {
   public:
    explicit Connection(asio::ip::tcp::socket socket) : socket_{std::move(socket)} {
      socket_.set_option(asio::ip::tcp::no_delay{true});
    }
    void read() {
      socket_.async_read_some(asio::buffer(buffer_),
                              [me = shared_from_this()](const asio::error_code& error, std::size_t count) {
                                if (!error) me->write(count);
                              });
    }

   private:
    void write(std::size_t count) {
      asio::async_write(socket_, asio::buffer(buffer_, count),
                        [me = shared_from_this()](const asio::error_code& error, std::size_t) {
                          if (!error) me->read();
                        });
    }
    asio::ip::tcp::socket socket_;
    char buffer_[1'024];
  };
  void accept() {
    acceptor_.async_accept([this](const asio::error_code& error, asio::ip::tcp::socket socket) {
      if (!error) std::make_shared<Connection>(std::move(socket))->read();
      accept();
    });
  }
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::vector<std::thread> threads_;
};

}  // namespace coppice::bench
