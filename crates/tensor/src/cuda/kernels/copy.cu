// Copies of elements of ELEM bytes from one arrangement to another.

#if ELEM == 1
typedef unsigned char elem;
#elif ELEM == 2
typedef unsigned short elem;
#elif ELEM == 4
typedef unsigned int elem;
#else
typedef unsigned long long elem;
#endif

KERNEL(copy, Walk<1> walk, const elem* x, elem* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 at;
        offsets(walk, i, &at);
        y[i] = x[at];
    }
}

KERNEL(select, Walk<3> walk, const u8* condition, const elem* a, const elem* b, elem* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 at[3];
        offsets(walk, i, at);
        y[i] = condition[at[0]] != 0 ? a[at[1]] : b[at[2]];
    }
}

// One part of a joined tensor: rows of `len` elements go to rows of `out_len`, from place `at` on.
KERNEL(cat, const elem* x, elem* y, i64 len, i64 out_len, i64 at, i64 n) {
    for (i64 i = first(); i < n; i += step()) y[i / len * out_len + at + i % len] = x[i];
}

// Entries of `entry` elements that `indices` name, of rows that have `size` of them.
KERNEL(index_select, const elem* x, const i64* indices, elem* y, i64 count, i64 size, i64 entry, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 e = i % entry, k = i / entry % count, row = i / entry / count;
        y[i] = x[(row * size + indices[k]) * entry + e];
    }
}

// A tensor [outer, channels, spatial] in another memory order: 0 contiguous, 1 channels-last, 2 blocked, where lanes without a channel
// become 0.
KERNEL(to_layout, int from, int to, const elem* x, elem* y, i64 outer, i64 channels, i64 spatial, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 o, c, s;
        if (to == 0) {
            s = i % spatial, c = i / spatial % channels, o = i / spatial / channels;
        } else if (to == 1) {
            c = i % channels, s = i / channels % spatial, o = i / channels / spatial;
        } else {
            c = i / 32 % channels, s = i / 32 / channels % spatial, o = i / 32 / channels / spatial * 32 + i % 32;
        }
        if (o >= outer) {
            y[i] = 0;
            continue;
        }
        i64 at;
        if (from == 0) {
            at = (o * channels + c) * spatial + s;
        } else if (from == 1) {
            at = (o * spatial + s) * channels + c;
        } else {
            at = ((o / 32 * spatial + s) * channels + c) * 32 + o % 32;
        }
        y[i] = x[at];
    }
}
