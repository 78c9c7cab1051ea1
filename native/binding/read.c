// What is read from objects of JavaScript: ends of a stream, its path, keys.
#include "binding.h"
#include "values.h"

void read_endpoint(napi_env env, napi_value options, const char *key, char *name, tm_endpoint *endpoint)
{
  napi_value object = value_get(env, options, key);
  endpoint->kind = (tm_endpoint_kind)value_number(env, object, "kind");
  endpoint->hertz = value_number(env, object, "hertz");
  value_string(env, object, "name", name, NAME_OCTETS);
  endpoint->name = name;
}

// NULL when there is none. A key that is too long or an unknown suite is refused by the engine.
static const tm_srtp_policy *read_policy(napi_env env, napi_value from, const char *key, tm_srtp_policy *policy)
{
  char suite[SUITE_OCTETS];
  napi_value object = value_get(env, from, key);
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, object, &type) != napi_ok || type != napi_object) return NULL;
  *policy = (tm_srtp_policy){.suite = TM_SRTP_SUITES};
  value_string(env, object, "suite", suite, sizeof suite);
  (void)tm_srtp_suite_named(suite, &policy->suite);
  policy->key_octets = value_octets(env, object, "key", policy->key, sizeof policy->key);
  policy->mki_octets = value_octets(env, object, "mki", policy->mki, sizeof policy->mki);
  return policy;
}

void read_path(napi_env env, napi_value from, path_texts *texts, tm_path_config *path)
{
  napi_value srtp = value_get(env, from, "srtp");
  napi_valuetype type = napi_undefined;
  bool on = napi_typeof(env, srtp, &type) == napi_ok && type == napi_object;
  path->srtp_send = on ? read_policy(env, srtp, "send", &texts->send) : NULL;
  path->srtp_receive = on ? read_policy(env, srtp, "receive", &texts->receive) : NULL;
  napi_value keepalive = value_get(env, from, "keepAlive"), also = value_get(env, from, "alsoTo"), entry;
  uint32_t count = 0;
  path->keepalive = (tm_keepalive_config){.enabled = value_boolean(env, keepalive, "enabled"),
                                          .phase = (tm_keepalive_phase)value_number(env, keepalive, "phase"),
                                          .payload_type = (uint8_t)value_number(env, keepalive, "payloadType"),
                                          .burst_ms = (uint32_t)value_number(env, keepalive, "burstMs"),
                                          .spacing_ms = (uint32_t)value_number(env, keepalive, "spacingMs"),
                                          .interval_ms = (uint32_t)value_number(env, keepalive, "intervalMs")};
  (void)napi_get_array_length(env, also, &count);
  path->also = texts->places;
  path->also_count = count;  // too many are refused by the engine
  for (uint32_t i = 0; i < count && i < TM_ENGINE_MAX_PLACES; i++) {
    if (napi_get_element(env, also, i, &entry) != napi_ok) return;
    value_string(env, entry, "address", texts->addresses[i], ADDRESS_OCTETS);
    value_string(env, entry, "rtcpAddress", texts->rtcp_addresses[i], ADDRESS_OCTETS);
    texts->places[i] = (tm_place){.address = texts->addresses[i],
                                  .port = (uint16_t)value_number(env, entry, "port"),
                                  .rtcp_address = texts->rtcp_addresses[i],
                                  .rtcp_port = (uint16_t)value_number(env, entry, "rtcpPort"),
                                  .srtp_send = read_policy(env, entry, "srtp", &texts->also[i])};
  }
}

const tm_endpoint *read_end(napi_env env, napi_value options, const char *key, char *name, tm_endpoint *endpoint)
{
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, value_get(env, options, key), &type) != napi_ok || type != napi_object) return NULL;
  read_endpoint(env, options, key, name, endpoint);
  return endpoint;
}
