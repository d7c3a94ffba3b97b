# Counters of lines and branches in everything that is built here. Of threads that count at once, none is lost. What is
# always put into its callers is not here: it would be counted as often as it was put.
if(COPPICE_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic -Dalways_inline=noinline -Wno-attributes)
  add_link_options(--coverage)
endif()
