// NG.110 2.4.6: identities, own, shared and delegated.
import type { RequirementRow } from './row.ts';

export const IDENTITIES: readonly RequirementRow[] = [
  {
    id: 'MD-2.4.6.1a',
    clause: 'NG.110 2.4.6.1',
    text: 'P-Preferred-Identity in the outgoing INVITE is supported; when the user picked an identity of the subscription other than the default, it must carry that one.',
    kind: 'M',
    client: 'D N',
  },
  {
    id: 'MD-2.4.6.2a',
    clause: 'NG.110 2.4.6.2',
    text: 'Identities outside the subscription are learnt over Ut (24.174 4.8) or by configuration (24.175 SharedIdentity).',
    kind: 'M',
    client: 'D N',
    operatorHalf: 'live changes',
  },
  {
    id: 'MD-2.4.6.2b',
    clause: 'NG.110 2.4.6.2',
    text: 'An outgoing INVITE under such an identity carries Additional-Identity.',
    kind: 'M',
    client: 'D N',
    operatorHalf: "the application server's replacement",
  },
  {
    id: 'MD-2.4.6.2c',
    clause: 'NG.110 2.4.6.2',
    text: 'Incoming: P-Called-Party-ID tells which identity was called; Additional-Identity tells it for one outside the IRS; shown to the user and logged.',
    kind: 'M',
    client: 'D N',
    rollUp: true,
  },
  {
    id: 'MD-2.4.6.2c1',
    clause: 'NG.110 2.4.6.2',
    text: "P-Called-Party-ID: Call to alias B through a stranger's proxy is shown and logged as B; call-back uses B.",
    parent: 'MD-2.4.6.2c',
  },
  {
    id: 'MD-2.4.6.2c2',
    clause: 'NG.110 2.4.6.2',
    text: 'Additional-Identity in: Wins over P-Called-Party-ID; MESSAGE and REFER too.',
    parent: 'MD-2.4.6.2c',
  },
  {
    id: 'MD-2.4.6.3',
    clause: 'NG.110 2.4.6.3',
    text: 'The user may let other users use an identity registered here: these delegations are learnt over Ut or configuration, and switched on and off by 24.174 4.5.2.',
    kind: 'O',
    client: 'D N',
    operatorOnly: true,
  },
];
