// What the files of the addon share.
#ifndef TM_BINDING_H
#define TM_BINDING_H

#define NAPI_VERSION 8
#include <node_api.h>

#include "engine.h"

enum { ADDRESS_OCTETS = 80, SUITE_OCTETS = 40, NAME_OCTETS = 1024, MAX_ARGUMENTS = 5 };

// Behind the external: the engine and the function that tells JavaScript that events wait.
typedef struct {
  tm_engine *engine;
  napi_threadsafe_function on_events;
  napi_env env;
} handle;

// What the path of a stream's configuration points to. Holds keys: to be wiped.
typedef struct {
  tm_srtp_policy send, receive, also[TM_ENGINE_MAX_PLACES];
  tm_place places[TM_ENGINE_MAX_PLACES];
  char addresses[TM_ENGINE_MAX_PLACES][ADDRESS_OCTETS], rtcp_addresses[TM_ENGINE_MAX_PLACES][ADDRESS_OCTETS];
} path_texts;

// A list of devices that is being filled.
typedef struct {
  napi_env env;
  napi_value list;
  uint32_t count;
} device_list;

/** Throws the error; always NULL. */
napi_value fail(napi_env env, const tm_error *error);
/** Arguments of a call; the first is the external unless `self` is NULL. False: an exception waits. */
bool take(napi_env env, napi_callback_info info, napi_value *arguments, handle **self);
/** One end of a stream, its name into `name` of NAME_OCTETS. */
void read_endpoint(napi_env env, napi_value options, const char *key, char *name, tm_endpoint *endpoint);
void read_path(napi_env env, napi_value from, path_texts *texts, tm_path_config *path);
/** The same; NULL when it is not there. */
const tm_endpoint *read_end(napi_env env, napi_value options, const char *key, char *name, tm_endpoint *endpoint);
/** For tm_engine_devices and tm_engine_cameras; `context` is a device_list. */
void add_device(void *context, const char *name, const char *description);

napi_value open_stream(napi_env env, napi_callback_info info);
napi_value attach_stream(napi_env env, napi_callback_info info);
napi_value configure_stream(napi_env env, napi_callback_info info);
napi_value move_stream(napi_env env, napi_callback_info info);
napi_value send_dtmf(napi_env env, napi_callback_info info);
napi_value stream_tone(napi_env env, napi_callback_info info);
napi_value stream_stats(napi_env env, napi_callback_info info);
napi_value close_stream(napi_env env, napi_callback_info info);

napi_value open_video(napi_env env, napi_callback_info info);
napi_value attach_video(napi_env env, napi_callback_info info);
napi_value configure_video(napi_env env, napi_callback_info info);
napi_value request_key(napi_env env, napi_callback_info info);
napi_value video_stats(napi_env env, napi_callback_info info);
napi_value next_frame(napi_env env, napi_callback_info info);
napi_value describe_video(napi_env env, napi_callback_info info);
napi_value list_cameras(napi_env env, napi_callback_info info);

#endif
