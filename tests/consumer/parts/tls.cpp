#include <coppice/coppice.hpp>
#include <coppice/io/tls.hpp>

#ifndef COPPICE_HAS_TLS
#error "who links coppice::tls can see that it is there"
#endif

int main() {
  const auto tls = coppice::load_tls({.certificate_chain_file = "none", .private_key_file = "none"});
  return tls.has_value() ? 1 : 0;
}
