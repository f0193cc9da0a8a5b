/* A clock that is CLOCK_SHIFT seconds apart from this machine's, for programs that preload it: the time of day
   is shifted, and deadlines by it are shifted back before the system sees them. Clocks that count from the
   machine's start stay as they are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t shift(void) {
    static time_t seconds;
    static int known;
    if (!known) {
        const char *text = getenv("CLOCK_SHIFT");
        seconds = text ? atol(text) : 0;
        known = 1;
    }
    return seconds;
}

/* A deadline by the time of day has some 10^9 seconds, one by the machine's start has not. */
static const struct timespec *back(const struct timespec *at, struct timespec *own) {
    if (!at || at->tv_sec < 1000000000) return at;
    *own = *at;
    own->tv_sec -= shift();
    return own;
}

static void *next(const char *name) {
    void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2"); /* pthread_cond_timedwait has an older one */
    return found ? found : dlsym(RTLD_NEXT, name);
}

#define NEXT(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))next(#name); \
    struct timespec own

int clock_gettime(clockid_t clock, struct timespec *at) {
    int status = (int)syscall(SYS_clock_gettime, clock, at);
    if (!status && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += shift();
    return status;
}

int gettimeofday(struct timeval *at, void *zone) {
    int status = (int)syscall(SYS_gettimeofday, at, zone);
    if (!status) at->tv_sec += shift();
    return status;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at) {
    NEXT(pthread_cond_timedwait);
    return real(c, m, back(at, &own));
}

int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
                           const struct timespec *at) {
    NEXT(pthread_cond_clockwait);
    return real(c, m, clock, back(at, &own));
}

int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at) {
    NEXT(pthread_mutex_timedlock);
    return real(m, back(at, &own));
}

int sem_timedwait(sem_t *s, const struct timespec *at) {
    NEXT(sem_timedwait);
    return real(s, back(at, &own));
}

int sem_clockwait(sem_t *s, clockid_t clock, const struct timespec *at) {
    NEXT(sem_clockwait);
    return real(s, clock, back(at, &own));
}

long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    long a[6];
    struct timespec own;
    va_list given;
    va_start(given, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(given, long);
    va_end(given);
    if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME)) a[3] = (long)back((void *)a[3], &own);
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
