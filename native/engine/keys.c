// Control side: SRTP contexts by their keys (RFC 3711 3.2.3).
#include "keys.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

tm_status tm_keys_get(tm_keys *keys, const tm_srtp_policy *policy, tm_srtp_direction direction, uint32_t ssrc, tm_srtp **srtp)
{
  for (tm_key *key = keys->first; key; key = key->next) {
    if (key->direction != direction || !tm_srtp_same(&key->policy, policy)) continue;
    *srtp = key->srtp;
    return TM_OK;
  }
  tm_key *key = calloc(1, sizeof *key);
  if (!key) return TM_ERR_MEMORY;
  tm_status status = tm_srtp_create(policy, direction, ssrc, &key->srtp);
  if (status != TM_OK) {
    free(key);
    return status;
  }
  key->policy = *policy;
  key->direction = direction;
  key->next = keys->first;
  keys->first = key;
  *srtp = key->srtp;
  return TM_OK;
}

void tm_keys_begin(tm_keys *keys, const tm_srtp *receiving)
{
  keys->round++;
  if (receiving != keys->receiving) keys->received = keys->receiving;
  keys->receiving = receiving;
  tm_keys_use(keys, keys->receiving);
  tm_keys_use(keys, keys->received);
}

void tm_keys_use(tm_keys *keys, const tm_srtp *srtp)
{
  for (tm_key *key = keys->first; srtp && key; key = key->next)
    if (key->srtp == srtp) key->used = keys->round;
}

// The place in the list of the idle one that was used longest ago; NULL when few are idle.
static tm_key **oldest(tm_keys *keys)
{
  tm_key **found = NULL;
  size_t idle = 0;
  for (tm_key **at = &keys->first; *at; at = &(*at)->next) {
    if ((*at)->used == keys->round) continue;
    idle++;
    if (!found || (*at)->used < (*found)->used) found = at;
  }
  return idle > TM_KEYS_IDLE ? found : NULL;
}

tm_key *tm_keys_retire(tm_keys *keys)
{
  tm_key *retired = NULL;
  for (tm_key **at = oldest(keys); at; at = oldest(keys)) {
    tm_key *key = *at;
    *at = key->next;
    key->next = retired;
    retired = key;
  }
  return retired;
}

void tm_keys_free(void *list)
{
  tm_key *key = list;
  while (key) {
    tm_key *next = key->next;
    tm_srtp_destroy(key->srtp);
    explicit_bzero(key, sizeof *key);
    free(key);
    key = next;
  }
}
