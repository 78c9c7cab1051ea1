// See bridge.h. The lock guards the lists only; the codec thread never takes it.
#include "bridge.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

typedef struct bridge {
  struct bridge *next;
  tm_mix *mix;
  unsigned members;
  char name[];
} bridge;

struct tm_bridge_member {
  tm_bridge_member *next;
  tm_bridge_pool *pool;
  bridge *bridge;
  const void *owner;
  unsigned ends;
  tm_mix_member *mix;
};

struct tm_bridge_pool {
  pthread_mutex_t lock;
  bridge *bridges;
  tm_bridge_member *members;
};

_Static_assert((int)TM_MIX_SAMPLES == (int)TM_UNIT_WIDE, "a slot is a unit of sound");

tm_bridge_pool *tm_bridge_pool_create(void)
{
  tm_bridge_pool *pool = calloc(1, sizeof *pool);
  if (pool && pthread_mutex_init(&pool->lock, NULL) != 0) {
    free(pool);
    return NULL;
  }
  return pool;
}

void tm_bridge_pool_destroy(tm_bridge_pool *pool)
{
  if (!pool) return;
  (void)pthread_mutex_destroy(&pool->lock);
  free(pool);
}

static bridge *find_bridge(tm_bridge_pool *pool, const char *name)
{
  for (bridge *one = pool->bridges; one; one = one->next)
    if (strcmp(one->name, name) == 0) return one;
  size_t octets = strlen(name) + 1;
  bridge *made = calloc(1, sizeof *made + octets);
  if (!made) return NULL;
  if (tm_mix_create(&made->mix) != TM_OK) {
    free(made);
    return NULL;
  }
  memcpy(made->name, name, octets);
  made->next = pool->bridges;
  pool->bridges = made;
  return made;
}

static void end_if_empty(tm_bridge_pool *pool, bridge *ended)
{
  if (!ended || ended->members > 0) return;
  bridge **link = &pool->bridges;
  while (*link != ended) link = &(*link)->next;
  *link = ended->next;
  tm_mix_destroy(ended->mix);
  free(ended);
}

static tm_bridge_member *find_member(tm_bridge_pool *pool, bridge *of, const void *owner)
{
  for (tm_bridge_member *one = pool->members; one; one = one->next)
    if (one->bridge == of && one->owner == owner) return one;
  tm_bridge_member *made = calloc(1, sizeof *made);
  if (!made) return NULL;
  if (tm_mix_member_create(of->mix, &made->mix) != TM_OK) {
    free(made);
    return NULL;
  }
  made->pool = pool;
  made->bridge = of;
  made->owner = owner;
  made->next = pool->members;
  pool->members = made;
  of->members++;
  return made;
}

tm_bridge_member *tm_bridge_join(tm_bridge_pool *pool, const char *name, const void *owner, tm_error *error)
{
  (void)pthread_mutex_lock(&pool->lock);
  bridge *of = find_bridge(pool, name);
  tm_bridge_member *member = of ? find_member(pool, of, owner) : NULL;
  if (member) member->ends++;
  else end_if_empty(pool, of);
  (void)pthread_mutex_unlock(&pool->lock);
  if (!member) (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a bridge");
  return member;
}

void tm_bridge_leave(tm_bridge_member *member)
{
  tm_bridge_pool *pool = member->pool;
  (void)pthread_mutex_lock(&pool->lock);
  if (--member->ends == 0) {
    tm_bridge_member **link = &pool->members;
    while (*link != member) link = &(*link)->next;
    *link = member->next;
    member->bridge->members--;
    end_if_empty(pool, member->bridge);
    tm_mix_member_destroy(member->mix);
    free(member);
  }
  (void)pthread_mutex_unlock(&pool->lock);
}

void tm_bridge_say(tm_bridge_member *member, int64_t beat_ns, const int16_t *pcm)
{
  tm_mix_write(member->mix, (uint64_t)(beat_ns / TM_UNIT_NS), pcm);
}

void tm_bridge_hear(tm_bridge_member *member, int64_t beat_ns, int16_t *pcm)
{
  tm_mix_read(member->mix, (uint64_t)(beat_ns / TM_UNIT_NS) - TM_MIX_DELAY, pcm);
}
