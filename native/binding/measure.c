// The audio test for JavaScript.
#define NAPI_VERSION 8
#include "measure.h"

#include <stdlib.h>

#include "values.h"

enum { NAME_OCTETS = 1024 };

typedef struct {
  tm_engine *engine;
  char capture[NAME_OCTETS], playback[NAME_OCTETS];
  tm_engine_status status;
  tm_error error;
  tm_delay_measure result;
  napi_deferred deferred;
  napi_async_work work;
} measuring;

// A thread of the pool.
static void execute(napi_env env, void *data)
{
  measuring *self = data;
  (void)env;
  self->status = tm_engine_measure_delay(self->engine, self->capture, self->playback, &self->result, &self->error);
  tm_engine_release(self->engine);
}

static void complete(napi_env env, napi_status status, void *data)
{
  measuring *self = data;
  napi_value value, code, text;
  if (status == napi_cancelled) tm_engine_release(self->engine);
  if (status == napi_ok && self->status == TM_ENGINE_OK) {
    napi_create_object(env, &value);
    value_set_number(env, value, "delayMs", self->result.delay_ms);
    value_set_number(env, value, "confidence", self->result.confidence);
    value_set_number(env, value, "echoDb", self->result.echo_db);
    napi_resolve_deferred(env, self->deferred, value);
  } else {
    napi_create_string_utf8(env, tm_engine_status_text(self->error.status), NAPI_AUTO_LENGTH, &code);
    napi_create_string_utf8(env, self->error.text, NAPI_AUTO_LENGTH, &text);
    napi_create_error(env, code, text, &value);
    value_set_number(env, value, "errno", self->error.code);
    napi_reject_deferred(env, self->deferred, value);
  }
  napi_delete_async_work(env, self->work);
  free(self);
}

napi_value measure_start(napi_env env, tm_engine *engine, napi_value capture, napi_value playback)
{
  napi_value promise = NULL, name;
  size_t octets = 0;
  measuring *self = calloc(1, sizeof *self);
  if (!self) {
    napi_throw_error(env, "memory", "no memory for a measuring");
    return NULL;
  }
  self->engine = engine;
  napi_get_value_string_utf8(env, capture, self->capture, sizeof self->capture, &octets);
  napi_get_value_string_utf8(env, playback, self->playback, sizeof self->playback, &octets);
  napi_create_string_utf8(env, "tandem measure", NAPI_AUTO_LENGTH, &name);
  napi_create_promise(env, &self->deferred, &promise);
  tm_engine_hold(engine);
  napi_create_async_work(env, NULL, name, execute, complete, self, &self->work);
  napi_queue_async_work(env, self->work);
  return promise;
}
