// What a coppice program is compared with: a file that includes these and nothing else.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>
