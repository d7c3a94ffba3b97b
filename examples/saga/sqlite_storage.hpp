#pragma once

#include <memory>
#include <string>

#include "storage.hpp"

/// Tables of its own in a file of SQLite that is there, beside the sagas' journal: `holding(account, name, amount)` and
/// `applied(key, is_done, reason)`. Both change in one transaction. Begins with `beginning` where they are not there
/// yet. One thread at a time, as all of Storage. Throws std::runtime_error.
[[nodiscard]] std::shared_ptr<Storage> make_sqlite_storage(const std::string& path, const Holdings& beginning);
