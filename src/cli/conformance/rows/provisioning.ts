// NG.110 3 and annex A: provisioning and parameters.
import type { RequirementRow } from './row.ts';

export const PROVISIONING: readonly RequirementRow[] = [
  {
    id: 'MD-3.1',
    clause: 'NG.110 3.1',
    text: "Who is in the federation, its size and its changes are the operator's; the device follows what provisioning says, to its own removal.",
    kind: 'M N',
    client: 'net',
    operatorOnly: true,
  },
  {
    id: 'MD-3.2',
    clause: 'NG.110 3.2',
    text: 'Children. A downloadable secondary device gets its data by configuration (M); the SMS one-time password of RCC.14 adds security (O; ours has it).',
    kind: 'M, O',
    client: 'D',
    rollUp: true,
  },
  {
    id: 'MD-3.2a',
    clause: 'NG.110 3.2',
    text: 'Data by configuration (M): From empty state to registered with nothing but the document served.',
    parent: 'MD-3.2',
  },
  {
    id: 'MD-3.2b',
    clause: 'NG.110 3.2',
    text: 'One-time password (O): Number, password, token; wrong, late, lost password.',
    parent: 'MD-3.2',
    operatorOnly: true,
  },
  {
    id: 'MD-A.2.1',
    clause: 'NG.110 A.2.1',
    text: 'One of OMA DM 1.2 or RCC.14 — ours is RCC.14, carrying the 24.175 parameters.',
    kind: 'M',
    client: 'D N',
    operatorHalf: 'meaning of the answers',
  },
  {
    id: 'MD-A.2.2',
    clause: 'NG.110 A.2.2',
    text: 'Late customisation by TS.32 for the Table 3 parameters.',
    kind: 'M',
    client: 'D N',
  },
  {
    id: 'MD-A.3',
    clause: 'NG.110 A.3',
    text: 'SharedIdentity, DelegatedIdentity, Call log URI: the default (no value) unless configured by a method of A.2.1; effective as soon as configured, gone when withdrawn.',
    kind: 'M',
    client: 'D N',
  },
  {
    id: 'MD-A.3b',
    clause: 'NG.110 A.3',
    text: 'Remote configuration goes over late customisation; the value returns when the remote one is withdrawn.',
    kind: 'M',
    client: 'D N',
    parent: 'MD-A.3',
  },
];
