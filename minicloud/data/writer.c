/* The guest's only program: every second it checks and writes its disk, past every cache.
 *
 * Licensed under the Apache License, Version 2.0; see the file LICENSE.
 *
 * The partition, in blocks of 512 bytes, each a line of text:
 *   0            head       "HEAD n=<n> boot=<boot> ms=<ms>"       the last write
 *   1..1024      journal    "LOG n=<n> boot=<boot> ms=<ms>"        write n is in block 1 + n % 1024
 *   2048..2303   conflicts  "CONFLICT at=<n> boot=<boot> ms=<ms> want=<head> found=<head>"
 * n grows by one with every write, over all boots; ms is the wall clock in ms since 1970.
 * Two copies of an instance that write at one time find each other's heads: each finds a head that
 * it did not write, and says so on the disk and on the console. It then goes on from the larger n.
 * An I/O error is told on the console, and the writer keeps trying.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 512, JOURNAL = 1, RING = 1024, CONFLICTS = 2048, CONFLICTS_MAX = 256 };

static int disk;
static char *block;
static const char *boot;

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Read block `number` as a line of text; 0 or an errno. */
static int read_line(unsigned long number, char *line)
{
    if (pread(disk, block, BLOCK, (off_t)number * BLOCK) != BLOCK)
        return errno ? errno : EIO;
    block[BLOCK - 1] = 0;
    block[strcspn(block, "\n")] = 0;
    strcpy(line, block);
    return 0;
}

static int write_line(unsigned long number, const char *line)
{
    memset(block, 0, BLOCK);
    snprintf(block, BLOCK, "%s\n", line);
    if (pwrite(disk, block, BLOCK, (off_t)number * BLOCK) != BLOCK)
        return errno ? errno : EIO;
    return 0;
}

static unsigned long number_in(const char *line)
{
    const char *n = strstr(line, "n=");
    return n ? strtoul(n + 2, NULL, 10) : 0;
}

/* Put the record into the first free block, or into the last one if none is free. */
static void tell_conflict(unsigned long n, const char *want, const char *found)
{
    char line[BLOCK], record[BLOCK];
    int slot = 0;

    snprintf(record, sizeof record, "CONFLICT at=%lu boot=%s ms=%lld want=%.160s found=%.160s",
             n, boot, now_ms(), want, found);
    printf("GUEST %s\n", record);
    while (slot < CONFLICTS_MAX - 1 && !read_line(CONFLICTS + slot, line) && line[0])
        slot++;
    if (write_line(CONFLICTS + slot, record))
        printf("GUEST IOERR conflict not recorded errno=%d\n", errno);
}

int main(int argc, char **argv)
{
    /* `pending` is a head whose write failed: it may be on the disk all the same. */
    char last[BLOCK] = "", pending[BLOCK] = "", found[BLOCK], line[BLOCK];
    unsigned long n = 0;
    int started = 0;

    if (argc < 3)
        return 2;
    boot = argv[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    disk = open(argv[1], O_RDWR | O_DIRECT | O_DSYNC);
    if (disk < 0 || posix_memalign((void **)&block, 4096, BLOCK)) {
        printf("GUEST OPEN errno=%d\n", errno);
        return 1;
    }
    for (;; sleep(1)) {
        long long begun = now_ms();
        int trouble = read_line(0, found);

        if (trouble) {
            printf("GUEST IOERR read errno=%d n=%lu\n", trouble, n);
            continue;
        }
        if (!started) {
            n = number_in(found);
            started = 1;
            printf("GUEST START n=%lu found='%s'\n", n, found);
        } else if (strcmp(found, last) && (!pending[0] || strcmp(found, pending))) {
            tell_conflict(n, last, found);
            if (number_in(found) > n)
                n = number_in(found);
        } else if (pending[0] && !strcmp(found, pending)) {
            n = number_in(found);
        }
        strcpy(last, found);
        pending[0] = 0;
        snprintf(line, sizeof line, "LOG n=%lu boot=%s ms=%lld", n + 1, boot, now_ms());
        trouble = write_line(JOURNAL + (n + 1) % RING, line);
        if (!trouble) {
            snprintf(pending, sizeof pending, "HEAD n=%lu boot=%s ms=%lld", n + 1, boot, now_ms());
            trouble = write_line(0, pending);
        }
        if (trouble) {
            printf("GUEST IOERR write errno=%d n=%lu\n", trouble, n + 1);
            continue;
        }
        n++;
        strcpy(last, pending);
        pending[0] = 0;
        printf("GUEST n=%lu boot=%s ms=%lld took=%lld\n", n, boot, now_ms(), now_ms() - begun);
    }
}
