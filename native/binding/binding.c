// Node-API addon: the functions of engine.h for JavaScript. No logic; src/media/addon.ts holds the types.
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>

#include "binding.h"
#include "measure.h"
#include "values.h"

napi_value fail(napi_env env, const tm_error *error)
{
  napi_value code, text, object;
  napi_create_string_utf8(env, tm_engine_status_text(error->status), NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, error->text, NAPI_AUTO_LENGTH, &text);
  napi_create_error(env, code, text, &object);
  value_set_number(env, object, "errno", error->code);
  napi_throw(env, object);
  return NULL;
}

static void notify(void *context)
{
  // Full means that a call is waiting to run already; it will take every event.
  (void)napi_call_threadsafe_function(((handle *)context)->on_events, NULL, napi_tsfn_nonblocking);
}

static void shut(void *context)
{
  handle *self = context;
  if (!self->engine) return;
  tm_engine_destroy(self->engine);
  self->engine = NULL;
  (void)napi_release_threadsafe_function(self->on_events, napi_tsfn_abort);
}

static void collected(napi_env env, void *data, void *hint)
{
  (void)hint;
  napi_remove_env_cleanup_hook(env, shut, data);
  shut(data);
  free(data);
}

// Arguments of a call; the first is the external unless `self` is NULL.
bool take(napi_env env, napi_callback_info info, napi_value *arguments, handle **self)
{
  size_t count = MAX_ARGUMENTS;
  void *data = NULL;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) return false;
  if (!self) return true;
  if (napi_get_value_external(env, arguments[0], &data) != napi_ok || !((handle *)data)->engine) {
    napi_throw_error(env, "closed", "the media engine is closed");
    return false;
  }
  *self = data;
  return true;
}

static napi_value create(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], name, external;
  tm_error error = {.status = TM_ENGINE_MEMORY};
  bool realtime = false;
  if (!take(env, info, arguments, NULL)) return NULL;
  handle *self = calloc(1, sizeof *self);
  if (!self) return fail(env, &error);
  napi_get_value_bool(env, arguments[0], &realtime);
  napi_create_string_utf8(env, "tandem media", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, arguments[1], NULL, name, 1, 1, NULL, NULL, NULL, NULL, &self->on_events) !=
      napi_ok) {
    free(self);
    napi_throw_type_error(env, "argument", "create(realtime, onEvents, room, video)");
    return NULL;
  }
  tm_engine_options options = {.realtime = realtime,
                               .room = {.echo_cancel = value_boolean(env, arguments[2], "echoCancel"),
                                        .noise_suppression = value_boolean(env, arguments[2], "noiseSuppression"),
                                        .gain_control = value_boolean(env, arguments[2], "gainControl"),
                                        .delay_ms = (int)value_number(env, arguments[2], "delayMs")},
                               .video_width = (unsigned)value_number(env, arguments[3], "width"),
                               .video_height = (unsigned)value_number(env, arguments[3], "height"),
                               .notify = notify,
                               .context = self};
  self->engine = tm_engine_create(&options, &error);
  if (!self->engine) {
    (void)napi_release_threadsafe_function(self->on_events, napi_tsfn_abort);
    free(self);
    return fail(env, &error);
  }
  napi_create_external(env, self, collected, NULL, &external);
  napi_add_env_cleanup_hook(env, shut, self);
  return external;
}

static napi_value destroy(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  if (take(env, info, arguments, &self)) shut(self);
  return NULL;
}

static napi_value is_realtime(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result = NULL;
  handle *self;
  if (take(env, info, arguments, &self)) napi_get_boolean(env, tm_engine_is_realtime(self->engine), &result);
  return result;
}

static napi_value next_event(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS], result;
  handle *self;
  tm_event event;
  if (!take(env, info, arguments, &self) || !tm_engine_next_event(self->engine, &event)) return NULL;
  char digit[2] = {event.digit, '\0'};
  napi_create_object(env, &result);
  value_set_number(env, result, "kind", event.kind);
  value_set_number(env, result, "stream", event.stream);
  value_set_string(env, result, "digit", digit);
  value_set_number(env, result, "durationMs", event.duration_ms);
  value_set_number(env, result, "width", event.width);
  value_set_number(env, result, "height", event.height);
  value_set_string(env, result, "address", event.address);
  value_set_number(env, result, "port", event.port);
  value_set_boolean(env, result, "present", event.present);
  value_set_string(env, result, "code", tm_engine_status_text(event.error.status));
  value_set_string(env, result, "text", event.error.text);
  value_set_number(env, result, "errno", event.error.code);
  return result;
}

void add_device(void *context, const char *name, const char *description)
{
  device_list *devices = context;
  napi_value entry;
  napi_create_object(devices->env, &entry);
  value_set_string(devices->env, entry, "name", name);
  value_set_string(devices->env, entry, "description", description);
  napi_set_element(devices->env, devices->list, devices->count++, entry);
}

static napi_value list_devices(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  device_list devices = {.env = env};
  bool capture = false;
  if (!take(env, info, arguments, NULL)) return NULL;
  napi_get_value_bool(env, arguments[0], &capture);
  napi_create_array(env, &devices.list);
  tm_engine_devices(capture, add_device, &devices);
  return devices.list;
}

static napi_value measure_delay(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  return take(env, info, arguments, &self) ? measure_start(env, self->engine, arguments[1], arguments[2]) : NULL;
}

static napi_value set_delay(napi_env env, napi_callback_info info)
{
  napi_value arguments[MAX_ARGUMENTS];
  handle *self;
  int32_t delay_ms = 0;
  tm_error error = {.text = "no such delay"};
  if (!take(env, info, arguments, &self)) return NULL;
  napi_get_value_int32(env, arguments[1], &delay_ms);
  error.status = tm_engine_set_delay(self->engine, delay_ms);
  return error.status == TM_ENGINE_OK ? NULL : fail(env, &error);
}

NAPI_MODULE_INIT()
{
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"create", create},       {"destroy", destroy},     {"isRealtime", is_realtime}, {"nextEvent", next_event},
      {"devices", list_devices}, {"measureDelay", measure_delay}, {"setDelay", set_delay},
      {"open", open_stream},    {"attach", attach_stream}, {"configure", configure_stream}, {"move", move_stream},
      {"sendDtmf", send_dtmf},  {"tone", stream_tone},    {"stats", stream_stats},     {"close", close_stream},
      {"openVideo", open_video},       {"attachVideo", attach_video},       {"configureVideo", configure_video},
      {"requestKeyFrame", request_key}, {"videoStats", video_stats},        {"nextFrame", next_frame},
      {"describeVideo", describe_video}, {"cameras", list_cameras},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
