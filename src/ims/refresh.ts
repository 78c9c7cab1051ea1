// 3GPP TS 24.229 5.1.1.4: when a registration (and likewise a subscription) is refreshed.
import { Seconds } from '#src/base/units.ts';

/** Granted intervals above this are refreshed a fixed lead before their end, others at half. */
const LONG_INTERVAL = Seconds(1200);
const LEAD = Seconds(600);

/** The time from the grant to its refresh: 600 s before the end of a long interval, else half of it. */
export const refreshAfter = (granted: Seconds): Seconds =>
  Seconds(granted > LONG_INTERVAL ? granted - LEAD : granted / 2);
