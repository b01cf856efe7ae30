/* A disk that takes its time: fdatasync waits as many milliseconds as the file says that the
 * environment names. Loaded before the C library (LD_PRELOAD). */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd) {
    const char *path = getenv("SLOW_SYNC");
    FILE *file = path ? fopen(path, "r") : NULL;
    unsigned milliseconds = 0;
    if (file) {
        if (fscanf(file, "%u", &milliseconds) != 1) milliseconds = 0;
        fclose(file);
    }
    for (; milliseconds > 0; milliseconds--) usleep(1000);
    return (int)syscall(SYS_fdatasync, fd);
}
