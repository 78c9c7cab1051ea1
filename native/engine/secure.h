// Packet thread: what leaves is sealed with the key of its path, what comes is opened (RFC 3711, MD-2.9.2).
#ifndef TM_ENGINE_SECURE_H
#define TM_ENGINE_SECURE_H

#include "session.h"

typedef enum { TM_PLAIN_RTP, TM_PLAIN_RTCP } tm_plain;

/** False, and counted: it must not leave. `packet` aligned to 4. */
bool tm_secure_seal(tm_session *session, const tm_shield *shield, tm_plain kind, uint8_t *packet, size_t *octets, size_t capacity);
/** False, and counted: forged, replayed, of another key. In place, aligned to 4, at most TM_DATAGRAM_OCTETS. */
bool tm_secure_open(tm_session *session, tm_plain kind, uint8_t *packet, size_t *octets, int64_t now);
/**
 * `config` comes into force: what was made with the key before is taken until packets under the new one have come for
 * TM_SECURE_SETTLED_MS, and at most for TM_SECURE_BEFORE_MS: the peer changes when it has our answer, and packets are under way.
 */
void tm_secure_switch(tm_session *session, const tm_session_config *config, int64_t now);

enum { TM_SECURE_BEFORE_MS = 5000, TM_SECURE_SETTLED_MS = 500 };

#endif
