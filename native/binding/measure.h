// The audio test for JavaScript: runs beside the JavaScript thread and settles a promise.
#ifndef TM_BINDING_MEASURE_H
#define TM_BINDING_MEASURE_H

#include <node_api.h>

#include "engine.h"

/** A promise of {delayMs, confidence, echoDb}; refused with an Error as every function throws it. The engine is held meanwhile. */
napi_value measure_start(napi_env env, tm_engine *engine, napi_value capture, napi_value playback);

#endif
