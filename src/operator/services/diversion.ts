// TS 24.604 4.5.2.6: when a call is diverted, by which service, and what is told. A table.
import type { SipResponse } from '#src/sip/message/message.ts';
import type { DiversionName, ServiceSet } from './service-data.ts';

/** `cd`: the device itself names the target in a 302 (communication deflection). */
export type DiversionService = DiversionName | 'cd' | 'cd-alerting';

interface Row {
  /** RFC 4458, 24.604 4.5.2.6.2.2 */
  readonly cause: number;
  /** 4.5.2.6.1: the answer when there were too many diversions. */
  readonly refused: number;
}

export const DIVERSION_TABLE: Readonly<Record<DiversionService, Row>> = {
  cfu: { cause: 302, refused: 480 },
  cfnl: { cause: 404, refused: 480 },
  cfb: { cause: 486, refused: 486 },
  cfnrc: { cause: 503, refused: 480 },
  cfnr: { cause: 408, refused: 480 },
  cd: { cause: 480, refused: 480 },
  'cd-alerting': { cause: 487, refused: 480 },
};

/** 4.5.2.6.6 */
const NOT_REACHABLE: readonly number[] = [408, 500, 503];
const BUSY = 486;
const UNAVAILABLE = 480;
const MOVED = 302;
/** Q.850: no answer from the user (24.615: the waiting call was not taken in time). */
const NO_ANSWER = 19;

/** Which service of the called user an outcome of all its devices calls for. */
export function diversionAfter(
  response: SipResponse,
  alerted: boolean,
  services: ServiceSet,
  deflection: boolean,
): DiversionService | undefined {
  const { targets } = services;
  const { status } = response;
  const noReply =
    status === UNAVAILABLE &&
    response.reasons.some(({ protocol, cause }) => protocol.toUpperCase() === 'Q.850' && cause === NO_ANSWER);
  if (status === BUSY && targets.cfb) return 'cfb';
  if (noReply) return targets.cfnr ? 'cfnr' : undefined;
  if (NOT_REACHABLE.includes(status) && !alerted && targets.cfnrc) return 'cfnrc';
  if (status === MOVED && deflection && response.contacts.length > 0) return alerted ? 'cd-alerting' : 'cd';
  return undefined;
}
