# Makes the target `immiscible::onednn` where oneDNN (Debian: libdnnl-dev) is found: link it beside immiscible::immiscible and
# products of matrices go through oneDNN, in float at any compiler flags and in bytes (precision::int8). Used by the build of
# the library and by its installed package. Without oneDNN there is no such target; the library itself needs none.
#
# oneDNN's own package file is not used: it asks for OpenCL.
if(NOT TARGET immiscible::onednn)
  find_path(IMMISCIBLE_ONEDNN_HEADERS oneapi/dnnl/dnnl.h)
  find_library(IMMISCIBLE_ONEDNN_LIBRARY dnnl)
  mark_as_advanced(IMMISCIBLE_ONEDNN_HEADERS IMMISCIBLE_ONEDNN_LIBRARY)
  if(IMMISCIBLE_ONEDNN_HEADERS AND IMMISCIBLE_ONEDNN_LIBRARY)
    # Imported, so that a library that links it can be exported: its package then names immiscible::onednn.
    add_library(immiscible::onednn INTERFACE IMPORTED GLOBAL)
    target_include_directories(immiscible::onednn SYSTEM INTERFACE ${IMMISCIBLE_ONEDNN_HEADERS})
    target_compile_definitions(immiscible::onednn INTERFACE IMMISCIBLE_ONEDNN)
    target_link_libraries(immiscible::onednn INTERFACE immiscible::immiscible ${IMMISCIBLE_ONEDNN_LIBRARY})
    file(STRINGS ${IMMISCIBLE_ONEDNN_HEADERS}/oneapi/dnnl/dnnl_config.h IMMISCIBLE_ONEDNN_RUNS_ON_OPENMP
         REGEX "define DNNL_CPU_RUNTIME .*OMP")
    if(IMMISCIBLE_ONEDNN_RUNS_ON_OPENMP)  # the number of threads is OpenMP's
      target_link_libraries(immiscible::onednn INTERFACE gomp)
    endif()
  endif()
endif()
