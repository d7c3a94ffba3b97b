#pragma once

#include "flood.hpp"

void print_head();
void print_row(const Flood& flood);
