// Every requirement of NG.110 v3.0 and its children: what `tandem conformance` reports on, chapter by chapter.
// A row's tests name its id in [brackets].
import { CALLS } from './rows/calls.ts';
import { IDENTITIES } from './rows/identities.ts';
import { MEDIA } from './rows/media.ts';
import { MESSAGES } from './rows/messages.ts';
import { PROVISIONING } from './rows/provisioning.ts';
import { REGISTRATION } from './rows/registration.ts';
import type { RequirementRow } from './rows/row.ts';
import { SERVICES } from './rows/services.ts';
import { TRANSPORT } from './rows/transport.ts';

export const ROWS: readonly RequirementRow[] = [
  ...REGISTRATION,
  ...CALLS,
  ...SERVICES,
  ...MEDIA,
  ...IDENTITIES,
  ...MESSAGES,
  ...TRANSPORT,
  ...PROVISIONING,
];
