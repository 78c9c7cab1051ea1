// Bridges by name: streams whose source and sink are the same bridge hear each other (`bridge:NAME`). Mixing is done by the codec thread
// alone, so that nothing is shared; joining and leaving is for the others.
#ifndef TM_ENGINE_BRIDGE_H
#define TM_ENGINE_BRIDGE_H

#include "engine.h"
#include "tm_mix.h"

typedef struct tm_bridge_pool tm_bridge_pool;
typedef struct tm_bridge_member tm_bridge_member;

/** NULL when memory is out. */
tm_bridge_pool *tm_bridge_pool_create(void);
/** When nobody is a member any more. */
void tm_bridge_pool_destroy(tm_bridge_pool *pool);

/**
 * Becomes a member of the bridge `name`, which is made when it is not there yet. Source and sink of one `owner` are one member. NULL with
 * `error` when memory is out. Any thread but real-time ones.
 */
tm_bridge_member *tm_bridge_join(tm_bridge_pool *pool, const char *name, const void *owner, tm_error *error);
/** The codec thread has let go of this end. The last end leaves the bridge, the last member ends it. Any thread but real-time ones. */
void tm_bridge_leave(tm_bridge_member *member);

/** Codec thread. `beat_ns`: the moment of the beat on the monotonic clock. 20 ms at TM_AUDIO_HZ. */
void tm_bridge_say(tm_bridge_member *member, int64_t beat_ns, const int16_t *pcm);
void tm_bridge_hear(tm_bridge_member *member, int64_t beat_ns, int16_t *pcm);

#endif
