// Values between JavaScript and C. A missing or wrong value reads as 0, false or ""; the types are the caller's duty.
#ifndef TM_BINDING_VALUES_H
#define TM_BINDING_VALUES_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

napi_value value_get(napi_env env, napi_value object, const char *key);
double value_number(napi_env env, napi_value object, const char *key);
bool value_boolean(napi_env env, napi_value object, const char *key);
void value_string(napi_env env, napi_value object, const char *key, char *text, size_t octets);
/** Octets of a Buffer copied to `out`; 0 when there is none or it holds more. */
size_t value_octets(napi_env env, napi_value object, const char *key, uint8_t *out, size_t capacity);
uint32_t value_uint32(napi_env env, napi_value value);

void value_set_number(napi_env env, napi_value object, const char *key, double number);

typedef struct {
  const char *key;
  double number;
} value_row;

void value_set_numbers(napi_env env, napi_value object, const value_row *rows, size_t count);
void value_set_string(napi_env env, napi_value object, const char *key, const char *text);

void value_set_boolean(napi_env env, napi_value object, const char *key, bool flag);

#endif
