/* commands.h - the subcommands: one file each. Each gets its own name as
 * argv[0] and returns an enum status. */
#ifndef WW_COMMANDS_H
#define WW_COMMANDS_H

int bench_main(int argc, char **argv);
int checkpoint_main(int argc, char **argv);
int demo_main(int argc, char **argv);
int diff_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int report_main(int argc, char **argv);
int record_main(int argc, char **argv);
int top_main(int argc, char **argv);

#endif
