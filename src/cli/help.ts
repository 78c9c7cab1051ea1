// `tandem --help`.

export const HELP = `tandem: a device that shares the number of a phone

  tandem run --config FILE [--state DIR] [--log LEVEL]   the device
  tandem operator --config FILE [--log LEVEL]            the test operator
  tandem demo                                            operator, phone and device on this machine

Client commands, for an agent that runs:
  tandem call URI [--video] [--identity URI] [--privacy] [--wait]
                                                         call somebody
  tandem status [--link]                                 registration, federation, calls; a link to the page
  tandem log [--limit N] [--before ID]                   ended calls, newest first
  tandem trace [--call ID] [--pcap FILE]                 SIP messages as a ladder or a packet file
  tandem services [NAME on|off|TARGET] [--seconds N]     forwarding, barring and the like, in the network
  They find the agent by --url and --token, else TANDEM_URL and TANDEM_TOKEN, else the state folder of the agent that
  runs here (--state DIR names another). --json prints what the API says.

  tandem conformance [--json]                            the requirements of NG.110, by the last test run
  tandem --version

Exit status: 0 done, 1 failure, 2 usage, 3 configuration, 4 port or device not to be had, 5 agent not reachable.
SIGTERM, SIGINT: calls ended, de-registered, closed, within 5 s. SIGHUP: configuration read again, whole or not at all.
`;
