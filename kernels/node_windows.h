// Node-API on Windows without an import library: the functions are found in the program that loads the addon, whatever it is
// called (node.exe, bun.exe, deno.exe, an Electron application).
#pragma once
#include <node_api.h>
#include <windows.h>

#define NABLA_NODE_FUNCTIONS(X) \
  X(napi_create_array) \
  X(napi_create_double) \
  X(napi_create_external) \
  X(napi_create_function) \
  X(napi_create_string_utf8) \
  X(napi_get_arraybuffer_info) \
  X(napi_get_cb_info) \
  X(napi_get_instance_data) \
  X(napi_get_typedarray_info) \
  X(napi_get_value_external) \
  X(napi_get_value_int32) \
  X(napi_get_value_string_utf8) \
  X(napi_set_element) \
  X(napi_set_instance_data) \
  X(napi_set_named_property) \
  X(napi_throw_error)

namespace {
#define NABLA_POINTER(name) decltype(&::name) node_##name;
NABLA_NODE_FUNCTIONS(NABLA_POINTER)
#undef NABLA_POINTER

// False where the program has no Node-API.
bool find_node() {
  HMODULE program = GetModuleHandleW(nullptr);
  if (!GetProcAddress(program, "napi_create_function")) program = GetModuleHandleW(L"libnode.dll");
  if (!program) return false;
  bool all = true;
#define NABLA_FIND(name) all &= (node_##name = (decltype(node_##name))(void*)GetProcAddress(program, #name)) != nullptr;
  NABLA_NODE_FUNCTIONS(NABLA_FIND)
#undef NABLA_FIND
  return all;
}
}  // namespace

#define napi_create_array node_napi_create_array
#define napi_create_double node_napi_create_double
#define napi_create_external node_napi_create_external
#define napi_create_function node_napi_create_function
#define napi_create_string_utf8 node_napi_create_string_utf8
#define napi_get_arraybuffer_info node_napi_get_arraybuffer_info
#define napi_get_cb_info node_napi_get_cb_info
#define napi_get_instance_data node_napi_get_instance_data
#define napi_get_typedarray_info node_napi_get_typedarray_info
#define napi_get_value_external node_napi_get_value_external
#define napi_get_value_int32 node_napi_get_value_int32
#define napi_get_value_string_utf8 node_napi_get_value_string_utf8
#define napi_set_element node_napi_set_element
#define napi_set_instance_data node_napi_set_instance_data
#define napi_set_named_property node_napi_set_named_property
#define napi_throw_error node_napi_throw_error
