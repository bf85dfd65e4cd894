"""Writes batches of two pictures as CIFAR-10's Python version has them. usage: make_cifar.py (in this folder, with NumPy)

Value j of picture i is (7 j + 100 i) mod 256, its label 3 + 4 i."""
import io, pickle, struct
import numpy as np

data = np.array([[(7 * j + 100 * i) % 256 for j in range(3072)] for i in range(2)], np.uint8)
batch = {b'batch_label': b'testing batch 1 of 1', b'labels': [3, 7], b'data': data, b'filenames': [b'a.png', b'b.png']}
for protocol in (2, 3, 4, 5): open(f'cifar_python3_protocol{protocol}.pickle', 'wb').write(pickle.dumps(batch, protocol))
open('cifar_columns_first.pickle', 'wb').write(pickle.dumps(batch | {b'data': np.asfortranarray(data)}, 2))


class Malicious:
    def __reduce__(self): import os; return os.system, ('true',)


open('cifar_malicious.pickle', 'wb').write(pickle.dumps(batch | {b'data': Malicious()}, 2))

# The published files were written by Python 2, whose strings are bytes; Python 3 cannot write these instructions.
short = lambda text: b'U' + bytes([len(text)]) + text
python2 = (b'\x80\x02}q\x01(' + short(b'batch_label') + b'q\x02' + short(b'testing batch 1 of 1') + b'q\x03' + short(b'labels') + b'q\x04]q\x05(K\x03K\x07e'
           + short(b'data') + b'q\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\t' + short(b'b') + b'q\n\x87q\x0bRq\x0c'
           + b'(K\x01K\x02M\x00\x0c\x86q\rcnumpy\ndtype\nq\x0e' + short(b'u1') + b'q\x0fK\x00K\x01\x87q\x10Rq\x11(K\x03' + short(b'|') + b'q\x12NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x13b'
           + b'\x89T' + struct.pack('<I', data.size) + data.tobytes() + b'q\x14tq\x15b' + short(b'filenames') + b'q\x16]q\x17(' + short(b'a.png') + b'q\x18' + short(b'b.png') + b'q\x19eu.')
loaded = pickle.load(io.BytesIO(python2), encoding='bytes')
assert (loaded[b'data'] == data).all() and loaded[b'labels'] == [3, 7]
open('cifar_python2.pickle', 'wb').write(python2)
