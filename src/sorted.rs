//! A map and a set that keep their entries in a sorted list: for the small ones, of which there are many.
//!
//! They answer as the standard library's `BTreeMap` and `BTreeSet` do, in the same order, and take a
//! tenth of their code for each pair of key and value: on MIPS the trees' 60 pairs took 99 kB. Putting in
//! and taking out moves what stands behind, so what strangers fill without a bound belongs elsewhere;
//! where entries come in order, as from a folder that is read sorted, nothing moves.

use std::borrow::Borrow;

/// Values by key, in the order of the keys.
#[derive(Debug, Clone)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// Without entries.
    pub const fn new() -> Self {
        SortedMap(Vec::new())
    }

    /// Where the entry of that key is, or would be.
    fn position<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(own, _)| own.borrow().cmp(key))
    }

    /// The value of that key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let at = self.position(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value of that key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.position(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Whether there is an entry of that key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.position(key).is_ok()
    }

    /// Gives the key that value. What it had is returned; the key itself stays as it was.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.position(&key) {
            Ok(at) => self.0.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Gives the key the value that `make` makes, if it has none.
    pub fn insert_new(&mut self, key: K, make: impl FnOnce() -> V) {
        if let Err(at) = self.position(&key) {
            self.0.insert(at, (key, make()));
        }
    }

    /// Changes the value of that key, which is the default one if there was none.
    pub fn change(&mut self, key: K, change: impl FnOnce(&mut V))
    where
        V: Default,
    {
        let at = self.position(&key).unwrap_or_else(|at| {
            self.0.insert(at, (key, V::default()));
            at
        });
        if let Some((_, value)) = self.0.get_mut(at) {
            change(value);
        }
    }

    /// Takes out the entry of that key.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.position(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// The entries from that key on.
    pub fn from<Q: Ord + ?Sized>(&self, key: &Q) -> std::slice::Iter<'_, (K, V)>
    where
        K: Borrow<Q>,
    {
        let (Ok(at) | Err(at)) = self.position(key);
        self.0.get(at..).unwrap_or_default().iter()
    }
}

impl<K, V> SortedMap<K, V> {
    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries.
    pub fn iter(&self) -> std::slice::Iter<'_, (K, V)> {
        self.0.iter()
    }

    /// All entries, whose values may be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &K> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// All values, which may be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Keeps the entries that `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }

    /// Takes out the entries that `is_wanted` wants; what is not fetched stays.
    pub fn extract_if(
        &mut self,
        mut is_wanted: impl FnMut(&K, &mut V) -> bool,
    ) -> impl Iterator<Item = (K, V)> {
        self.0.extract_if(.., move |(key, value)| is_wanted(key, value))
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = SortedMap::new();
        entries.into_iter().for_each(|(key, value)| {
            map.insert(key, value);
        });
        map
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'m, K, V> IntoIterator for &'m SortedMap<K, V> {
    type Item = &'m (K, V);
    type IntoIter = std::slice::Iter<'m, (K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Values, each once, in order.
#[derive(Debug, Clone)]
pub struct SortedSet<T>(Vec<T>);

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        SortedSet(Vec::new())
    }
}

impl<T: Ord> SortedSet<T> {
    /// Without values.
    pub const fn new() -> Self {
        SortedSet(Vec::new())
    }

    /// Puts a value in; whether it was not there.
    pub fn insert(&mut self, value: T) -> bool {
        match self.0.binary_search(&value) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, value);
                true
            }
        }
    }

    /// Whether the value is there.
    pub fn contains<Q: Ord + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.binary_search_by(|own| own.borrow().cmp(value)).is_ok()
    }
}

impl<T> SortedSet<T> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T: Ord> Extend<T> for SortedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| {
            self.insert(value);
        });
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut set = SortedSet::new();
        set.extend(values);
        set
    }
}

impl<T> IntoIterator for SortedSet<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'s, T> IntoIterator for &'s SortedSet<T> {
    type Item = &'s T;
    type IntoIter = std::slice::Iter<'s, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Keys that come again often: below 32.
    fn keys(count: usize) -> impl Iterator<Item = u32> {
        let next = |seed: &u32| Some(seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        std::iter::successors(Some(7), next).map(|seed| seed >> 27).take(count)
    }

    #[test]
    fn a_map_answers_as_a_tree_does() {
        let (mut own, mut model) = (SortedMap::new(), BTreeMap::new());
        for (step, key) in (0_usize..).zip(keys(5000)) {
            match step % 5 {
                0 => assert_eq!(own.insert(key, step), model.insert(key, step)),
                1 => {
                    own.insert_new(key, || step);
                    model.entry(key).or_insert(step);
                }
                2 => assert_eq!(own.remove(&key), model.remove(&key)),
                3 => {
                    own.change(key, |value| *value += 1);
                    *model.entry(key).or_default() += 1;
                }
                _ => assert_eq!(
                    own.get_mut(&key).map(std::mem::take),
                    model.get_mut(&key).map(std::mem::take)
                ),
            }
            if step % 97 == 0 {
                own.retain(|key, value| !(*key as usize + *value).is_multiple_of(3));
                model.retain(|key, value| !(*key as usize + *value).is_multiple_of(3));
                let taken: Vec<_> = own.extract_if(|key, _| key % 4 == 1).collect();
                assert_eq!(taken, model.extract_if(.., |key, _| key % 4 == 1).collect::<Vec<_>>());
            }
            assert_eq!((own.get(&key), own.len()), (model.get(&key), model.len()));
            assert_eq!(own.contains_key(&(key + 1)), model.contains_key(&(key + 1)));
            assert!(own.from(&key).map(|(key, value)| (key, value)).eq(model.range(key..)));
            assert!(own.iter_mut().eq(model.iter_mut()));
            assert!(own.keys().eq(model.keys()) && own.values().eq(model.values()));
            assert_eq!(own.is_empty(), model.is_empty());
        }
        own.values_mut().for_each(|value| *value += 1);
        model.values_mut().for_each(|value| *value += 1);
        assert_eq!(own.len(), model.len());
        assert!(own.clone().into_iter().eq(model));
        // Of two of the same key the later one counts, and texts are found without a copy.
        let texts = [("b", 1), ("a", 2), ("b", 3)].map(|(key, value)| (key.to_owned(), value));
        let texts: SortedMap<String, u32> = texts.into_iter().collect();
        assert_eq!((texts.get("a"), texts.get("b"), texts.get("c")), (Some(&2), Some(&3), None));
    }

    #[test]
    fn a_set_answers_as_a_tree_does() {
        let (mut own, mut model) = (SortedSet::new(), BTreeSet::new());
        for (step, key) in keys(500).enumerate() {
            assert_eq!(own.insert(key), model.insert(key));
            assert_eq!(own.contains(&(key / 2)), model.contains(&(key / 2)));
            assert!(own.iter().eq(model.iter()));
            assert_eq!((own.len(), own.is_empty()), (model.len(), model.is_empty()));
            if step % 101 == 0 {
                own.clear();
                model.clear();
            }
        }
        own.extend(keys(40));
        model.extend(keys(40));
        assert!(own.into_iter().eq(model));
        let texts: SortedSet<String> = ["b", "a", "b"].map(str::to_owned).into_iter().collect();
        assert!(texts.contains("a") && !texts.contains("c") && texts.len() == 2);
    }
}
