"""Little text: `--task char` beside the best of the n-gram models, by validation.

Cuts of Tiny Shakespeare, all of it joined by the Penn Treebank's and the film reviews' texts, and
lists of names: 463 invented ones of 60 syllables, made here, and English surnames. Each is cut by
seqcli (nine tenths train); the n-gram model (modified Kneser-Ney) has the order that validation
likes best. Of the invented names it is also said how many of 200 sampled ones are made of the
list's syllables alone. Real data alone, but for the invented names.

    SEQCLI_DATA=folder python benchmarks/small.py [names] [4000] [40000] [400000] [reviews]
"""
