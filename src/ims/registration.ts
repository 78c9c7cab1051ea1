// TS 24.229 5.1.1, IR.92 2.2.1, RFC 5626: the registration of this device, driven by its table.
import { createHash } from 'node:crypto';
import type { Clock, Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { type Milliseconds, Seconds, toMilliseconds, toSeconds } from '#src/base/units.ts';
import { DigestClient } from '#src/sip/digest/client.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { formatEndpoint, isReliable, type Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Sending, UserAgent } from '#src/sip/ua/user-agent.ts';
import { type AccessReader, currentAccess, formatAccess } from './access-network.ts';
import { Backoff, DEFAULT_BACKOFF } from './backoff.ts';
import { type Binding, dialogContact, preloadedRoute } from './binding.ts';
import { withFeatureTags } from './features.ts';
import type { FederatedDevice, OwnChange } from './federation.ts';
import { readGrant } from './grant.ts';
import { IdentitySet } from './identities.ts';
import { instanceId, type RegistrationStore } from './instance.ts';
import { type Outcome, readFailure, readRefusal } from './outcome.ts';
import { type Pcscf, PcscfList, type PcscfResolver } from './pcscf.ts';
import { RegEvent } from './reg-event.ts';
import { refreshAfter } from './refresh.ts';
import { contactUri, registeredContact, registerRequest } from './register-request.ts';
import type { RegistrationConfig } from './registration-config.ts';
import { REGISTRATION_WORDS, type RegistrationState } from './registration-state.ts';
import {
  REGISTRATION_TABLE,
  type RegistrationAction,
  type RegistrationEvent,
  type RegistrationPhase,
} from './registration-table.ts';
