// A TCP server that sends back what comes: one broker, CAF's actor for I/O, has all connections.

#include "../../support/echo.hpp"

#include <caf/io/all.hpp>
#include <future>

#include "stage.hpp"

namespace coppice::bench {
namespace {

constexpr std::size_t kReadAtMost = 1'024;

caf::behavior server(caf::io::broker* self, std::promise<std::uint16_t>* port) {
  const auto opened = self->add_tcp_doorman(0, "127.0.0.1");
  require(static_cast<bool>(opened), "the listener does not start");
  port->set_value(opened->second);
  return {[=](const caf::io::new_connection_msg& accepted) {
            self->configure_read(accepted.handle, caf::io::receive_policy::at_most(kReadAtMost));
          },
          [=](const caf::io::new_data_msg& data) {
            self->write(data.handle, data.buf.size(), data.buf.data());
            self->flush(data.handle);
          },
          [](const caf::io::connection_closed_msg&) {}};
}

struct Configuration : caf::actor_system_config {
  explicit Configuration(unsigned workers) {
    load<caf::io::middleman>();
    set("scheduler.max-threads", static_cast<std::size_t>(workers));
  }
};

Measurements echo(const Request& request) {
  Configuration configuration{request.workers};
  caf::actor_system system{configuration};
  std::promise<std::uint16_t> port;
  const actor broker = system.middleman().spawn_broker(server, &port);
  Measurements seen = echo_of(port.get_future().get(), request.size);
  caf::anon_send_exit(broker, caf::exit_reason::user_shutdown);
  return seen;
}

}  // namespace

void add_echo(Workloads& all) { all.push_back({"echo", &echo}); }

}  // namespace coppice::bench
