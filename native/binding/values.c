// Values between JavaScript and C.
#define NAPI_VERSION 8
#include "values.h"

#include <string.h>

napi_value value_get(napi_env env, napi_value object, const char *key)
{
  napi_value value = NULL;
  if (napi_get_named_property(env, object, key, &value) != napi_ok) napi_get_undefined(env, &value);
  return value;
}

double value_number(napi_env env, napi_value object, const char *key)
{
  double number = 0.0;
  (void)napi_get_value_double(env, value_get(env, object, key), &number);
  return number;
}

bool value_boolean(napi_env env, napi_value object, const char *key)
{
  bool flag = false;
  (void)napi_get_value_bool(env, value_get(env, object, key), &flag);
  return flag;
}

void value_string(napi_env env, napi_value object, const char *key, char *text, size_t octets)
{
  size_t length = 0;
  text[0] = '\0';
  (void)napi_get_value_string_utf8(env, value_get(env, object, key), text, octets, &length);
}

size_t value_octets(napi_env env, napi_value object, const char *key, uint8_t *out, size_t capacity)
{
  void *from = NULL;
  size_t octets = 0;
  bool is_buffer = false;
  napi_value buffer = value_get(env, object, key);
  if (napi_is_buffer(env, buffer, &is_buffer) != napi_ok || !is_buffer) return 0;
  if (napi_get_buffer_info(env, buffer, &from, &octets) != napi_ok || octets > capacity) return 0;
  if (octets > 0) memcpy(out, from, octets);
  return octets;
}

uint32_t value_uint32(napi_env env, napi_value value)
{
  uint32_t number = 0;
  (void)napi_get_value_uint32(env, value, &number);
  return number;
}

void value_set_number(napi_env env, napi_value object, const char *key, double number)
{
  napi_value value;
  napi_create_double(env, number, &value);
  napi_set_named_property(env, object, key, value);
}

void value_set_numbers(napi_env env, napi_value object, const value_row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) value_set_number(env, object, rows[i].key, rows[i].number);
}

void value_set_string(napi_env env, napi_value object, const char *key, const char *text)
{
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, object, key, value);
}

void value_set_boolean(napi_env env, napi_value object, const char *key, bool flag)
{
  napi_value value;
  napi_get_boolean(env, flag, &value);
  napi_set_named_property(env, object, key, value);
}
