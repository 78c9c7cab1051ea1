// NG.110 2.2.5 to 2.2.9: call set-up, forking, compression, early media, session timer.
import type { RequirementRow } from './row.ts';

export const CALLS: readonly RequirementRow[] = [
  {
    id: 'MD-2.2.5',
    clause: 'NG.110 2.2.5',
    text: 'Call set-up and release by IR.92 2.2.4 and IR.94 2.2.2: 100rel/PRACK, UPDATE, feature tags in INVITE, error handling.',
    kind: 'M',
    client: 'D N',
  },
  {
    id: 'MD-2.2.5a',
    clause: 'NG.110 2.2.5',
    text: "100rel: Reliable 18x each PRACKed, out-of-order RSeq dropped, offer in 18x; the device's own 183 is PRACKed by a stranger.",
    parent: 'MD-2.2.5',
  },
  {
    id: 'MD-2.2.5b',
    clause: 'NG.110 2.2.5',
    text: 'UPDATE: Before and after answer, 491 glare.',
    parent: 'MD-2.2.5',
  },
  {
    id: 'MD-2.2.5c',
    clause: 'NG.110 2.2.5',
    text: 'Feature tags in INVITE: Accept-Contact, P-Preferred-Service, Contact tags present and rightly escaped.',
    parent: 'MD-2.2.5',
  },
  {
    id: 'MD-2.2.5d',
    clause: 'NG.110 2.2.5',
    text: 'Errors: 3xx to 6xx, timeouts, CANCEL race: state and label right, no dialog left.',
    parent: 'MD-2.2.5',
  },
  {
    id: 'MD-2.2.6a',
    clause: 'NG.110 2.2.6',
    text: 'Forking by IR.92 2.2.5: several early dialogs of one INVITE, each with its own media state; the winner confirmed, late 2xx released.',
    kind: 'M',
    client: 'D N',
  },
  {
    id: 'MD-2.2.6b',
    clause: 'NG.110 2.2.6',
    text: 'The network releases forked legs with CANCEL carrying Reason: SIP 200 "Call completed elsewhere", 603 "Declined", 600 "Busy Everywhere".',
    kind: 'M N',
    client: 'net',
    operatorHalf: 'texts of the causes 603 and 600',
  },
  {
    id: 'MD-2.2.6c',
    clause: 'NG.110 2.2.6',
    text: 'Children. c1 (M): a user who is busy and says so (UDUB) is a 486. c2 (O, net): the network may treat a 486, of the primary say, as the trigger to CANCEL the other legs; the Reason must then be cause=600.',
    kind: 'M, O, M',
    client: 'D N',
    rollUp: true,
  },
  {
    id: 'MD-2.2.6c1',
    clause: 'NG.110 2.2.6',
    text: "UE sends 486: Owner's reject puts 486 (never 603/600) on the wire while the other legs go on ringing.",
    parent: 'MD-2.2.6c',
  },
  {
    id: 'MD-2.2.6c2',
    clause: 'NG.110 2.2.6',
    text: '486 → CANCEL 600: Reject on one device, the others get cause=600 and label it.',
    parent: 'MD-2.2.6c',
    operatorOnly: true,
  },
  {
    id: 'MD-2.2.7',
    clause: 'NG.110 2.2.7',
    text: 'No signalling compression: comp=sigcomp is never offered, and an offer of it is ignored.',
    kind: 'M',
    client: 'D N',
  },
  {
    id: 'MD-2.2.8',
    clause: 'NG.110 2.2.8',
    text: 'Early media by IR.92 2.2.7: P-Early-Media authorisation decides between network media and local ringback.',
    kind: 'M',
    client: 'D N',
  },
  {
    id: 'MD-2.2.9',
    clause: 'NG.110 2.2.9',
    text: 'Session timer by IR.92 2.2.8 (RFC 4028), refresh by UPDATE or re-INVITE, release when it expires.',
    kind: 'M',
    client: 'D N',
  },
];
